"""The feed-forward layer."""

import numpy as np
import pytest

import tolerances
from capstone.errors import UsageError
from capstone.layers import FeedForward
from capstone.ops import feed_forward_fwd


def test_the_weights_are_called_as_the_field_calls_them():
    shapes = {name: p.data.shape for name, p in FeedForward(5, 7).named_parameters()}
    assert shapes == {"w_gate": (5, 7), "w_up": (5, 7), "w_down": (7, 5)}


def test_forward_is_that_of_the_op():
    layer = FeedForward(5, 7, std=1.0, dtype=float)
    x = np.random.default_rng(0).standard_normal((2, 3, 5))
    wanted, _ = feed_forward_fwd(x, layer.w_gate.data, layer.w_up.data, layer.w_down.data)
    np.testing.assert_array_equal(layer.forward(x), wanted)


def test_a_shut_gate_lets_only_its_own_weight_learn():
    layer = FeedForward(5, 7, std=1.0, dtype=float)
    layer.w_gate.data[...] = 0  # silu(0) = 0, but its slope is 1/2
    x = np.random.default_rng(0).standard_normal((2, 3, 5))
    layer.forward(x)
    layer.backward(np.ones_like(x))
    learns = {name: bool(p.grad.any()) for name, p in layer.named_parameters()}
    assert learns == {"w_gate": True, "w_up": False, "w_down": False}


def test_weights_start_with_the_given_deviations():
    layer = FeedForward(240, 300, std=0.1, out_std=0.3)
    for name, std in (("w_gate", 0.1), ("w_up", 0.1), ("w_down", 0.3)):
        data = getattr(layer, name).data
        assert abs(data.std() / std - 1) <= tolerances.SAMPLE_MOMENT


def test_all_weights_start_alike_by_default():
    for parameter in FeedForward(240, 300).parameters():
        assert abs(parameter.data.std() / 0.02 - 1) <= tolerances.SAMPLE_MOMENT


@pytest.mark.parametrize("name", ["d_model", "d_ff"])
@pytest.mark.parametrize("size", [0, -2])
def test_a_size_that_is_not_positive_is_named(name, size):
    sizes = {"d_model": 5, "d_ff": 7, name: size}
    message = rf"^FeedForward: {name} must be a positive integer: expected {name} >= 1, got {size}$"
    with pytest.raises(UsageError, match=message):
        FeedForward(**sizes)
