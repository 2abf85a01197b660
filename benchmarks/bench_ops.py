"""Forward and backward pass of every op."""

import numpy as np
import pytest
from benchmarks.sizes import DTYPE, OP_SIZES

from cases import params


@pytest.mark.parametrize("case", params(OP_SIZES))
def test_forward(case, benchmark):
    forward, _ = case.passes()
    benchmark(forward, *case.inputs(DTYPE), **case.options)


@pytest.mark.parametrize("case", params(OP_SIZES))
def test_backward(case, time_backward):
    forward, backward = case.passes()
    inputs = case.inputs(DTYPE)
    y, _ = forward(*inputs, **case.options)
    dy = np.random.default_rng(0).standard_normal(y.shape).astype(DTYPE)
    time_backward(
        case.id,
        lambda: forward(*inputs, **case.options)[1],
        lambda saved: backward(dy, saved),
    )
