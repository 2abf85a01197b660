"""Forward and backward pass of every layer."""

import numpy as np
import pytest
from benchmarks.sizes import DTYPE, LAYER_SIZES

from cases import params


@pytest.mark.parametrize("case", params(LAYER_SIZES))
def test_forward(case, benchmark):
    (x,) = case.inputs(DTYPE)
    benchmark(case.layer(DTYPE).forward, x)


@pytest.mark.parametrize("case", params(LAYER_SIZES))
def test_backward(case, time_backward):
    layer, (x,) = case.layer(DTYPE), case.inputs(DTYPE)
    dy = np.random.default_rng(0).standard_normal(layer.forward(x).shape).astype(DTYPE)
    time_backward(case.id, lambda: layer.forward(x), lambda _: layer.backward(dy))
