"""GELU by tanh, with its backward pass."""

import numpy as np

from capstone.gradcheck import Op


def gelu_fwd(x):
    inner = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return x * (1 + inner) / 2, (x, inner)


def gelu_bwd(dy, saved):
    x, inner = saved
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return dy * ((1 + inner) / 2 + x * (1 - inner**2) * slope / 2)


GELU = Op(gelu_fwd, gelu_bwd)
