"""Audits of what PyTorch and JAX run: in the source where there is one."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from capstone.gradcheck import audit
from capstone.gradcheck.audit.returned import sensitivity

X = np.random.default_rng(0).standard_normal((3, 5))
W = np.random.default_rng(1).standard_normal(5)
TX, TW = torch.from_numpy(X), torch.from_numpy(W)


class Gate(Function):
    """`tanh(x) * w`, with a backward pass in Python."""

    @staticmethod
    def forward(ctx, x, w):
        y = torch.tanh(x)
        ctx.save_for_backward(y, w)
        return y * w

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        y, w = ctx.saved_tensors
        return dy * w * (1 - y * y), (dy * y).sum(dim=0)


class Scaled(torch.nn.Module):
    """A module around the function."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(TW.clone())

    def forward(self, x):
        return Gate.apply(x, self.w)


SUBJECTS = {
    "function": (Gate, (TX, TW), "source"),
    "apply": (Gate.apply, (TX, TW), "source"),
    "module": (Scaled(), (TX,), "returned gradients"),
    "callable": (torch.softmax, (TX, 1), "returned gradients"),
    "jax": (jnp.tanh, (jnp.array(X, dtype=jnp.float32),), "returned gradients"),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_no_planted_bug_survives(name):
    subject, inputs, place = SUBJECTS[name]
    found = audit(subject, *inputs)
    assert (found.planted_in, found.survivors) == (place, [])
    assert found.count("killed") > 8


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_sensitivity_control_misses_nothing(name):
    subject, inputs, _ = SUBJECTS[name]
    assert sensitivity(subject, *inputs) == []
