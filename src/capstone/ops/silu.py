"""SiLU, the sigmoid-weighted linear unit: `y = x * sigmoid(x)`.

Source: Elfwing, Uchibe and Doya 2017, "Sigmoid-Weighted Linear Units"; derivation in
docs/derivations/silu.md.
"""

from typing import NamedTuple

import numpy as np

from capstone._checks import check_inexact
from capstone._typing import Array


class SiLUSaved(NamedTuple):
    """What `silu_bwd` needs."""

    sigmoid: Array  # (...)
    y: Array  # (...)


def silu_fwd(x: Array) -> tuple[Array, SiLUSaved]:
    """`x * sigmoid(x)`, entry by entry.

    Args:
        x: (...), any float or complex dtype.

    Returns:
        `(y, saved)` with y of the shape of x.
    """
    check_inexact("silu_fwd", x=x)
    # 0.5 * (1 + tanh(x / 2)) never overflows and carries a complex step, unlike 1 / (1 + exp(-x))
    sigmoid = np.tanh(0.5 * x)  # (...)
    sigmoid += 1
    sigmoid *= 0.5
    y = x * sigmoid  # (...)
    return y, SiLUSaved(sigmoid, y)


def silu_bwd(dy: Array, saved: SiLUSaved) -> tuple[Array]:
    """Gradient of `silu_fwd`.

    Args:
        dy: (...), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx,)` of the shape of dy.
    """
    sigmoid, y = saved
    # forward: y = x * sigmoid, and sigmoid' = sigmoid * (1 - sigmoid)
    dx = 1 - sigmoid  # (...)
    dx *= y
    dx += sigmoid
    dx *= dy
    return (dx,)
