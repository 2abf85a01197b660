"""The RMSNorm layer."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.layers import RMSNorm
from capstone.ops import rmsnorm_bwd, rmsnorm_fwd

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -0.5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gain_starts_at_one(dtype):
    gain = RMSNorm(3, dtype=dtype).gain.data
    assert gain.dtype == dtype
    assert gain.tolist() == [1, 1, 1]


def test_eps_reaches_the_op():
    layer = RMSNorm(3, eps=0.5, dtype=float)
    np.testing.assert_array_equal(layer.forward(X), rmsnorm_fwd(X, np.ones(3), eps=0.5)[0])


def test_backward_is_that_of_the_op():
    layer = RMSNorm(3, dtype=float)
    layer.gain.data[...] = [2.0, -1.0, 0.5]
    layer.forward(X)
    dx = layer.backward(np.ones((2, 3)))
    wanted, dgain = rmsnorm_bwd(np.ones((2, 3)), rmsnorm_fwd(X, layer.gain.data)[1])
    np.testing.assert_array_equal(dx, wanted)
    np.testing.assert_array_equal(layer.gain.grad, dgain)


@pytest.mark.parametrize("size", [0, -3])
def test_a_width_that_is_not_positive_is_named(size):
    message = rf"^RMSNorm: d_model must be a positive integer: expected d_model >= 1, got {size}$"
    with pytest.raises(UsageError, match=message):
        RMSNorm(size)
