"""The attention layer."""

import numpy as np
import pytest

import tolerances
from capstone.errors import UsageError
from capstone.layers import MultiHeadAttention
from capstone.ops import attention_fwd

WEIGHTS = ("wqkv", "wo")


def deviation(parameter):
    return parameter.data.std()


def test_the_weights_are_called_as_the_field_calls_them():
    layer = MultiHeadAttention(12, 3)
    assert tuple(name for name, _ in layer.named_parameters()) == WEIGHTS
    assert [parameter.data.shape for parameter in layer.parameters()] == [(12, 36), (12, 12)]


@pytest.mark.parametrize("positions", ["rope", "none"])
def test_forward_is_that_of_the_op(positions):
    layer = MultiHeadAttention(12, 3, positions=positions, std=1.0, dtype=float)
    x = np.random.default_rng(0).standard_normal((2, 5, 12))
    weights = [getattr(layer, name).data for name in WEIGHTS]
    wanted, _ = attention_fwd(x, *weights, n_heads=3, positions=positions)
    np.testing.assert_array_equal(layer.forward(x), wanted)


def test_every_weight_gets_the_gradient_of_its_own():
    layer = MultiHeadAttention(12, 3, std=0.5, dtype=float)
    x = np.random.default_rng(0).standard_normal((2, 5, 12))
    layer.wqkv.data[:, 24:] = 0  # no values: nothing flows to the queries, the keys, the output
    layer.forward(x)
    layer.backward(np.ones_like(x))
    queries, keys, values = np.split(layer.wqkv.grad, 3, axis=1)
    assert [g.any() for g in (queries, keys, values, layer.wo.grad)] == [False, False, True, False]


def test_projections_start_with_the_given_deviations():
    layer = MultiHeadAttention(240, 3, std=0.1, out_std=0.3)
    for name, std in zip(WEIGHTS, (0.1, 0.3), strict=True):
        assert abs(deviation(getattr(layer, name)) / std - 1) <= tolerances.SAMPLE_MOMENT


def test_all_projections_start_alike_by_default():
    layer = MultiHeadAttention(240, 3)
    for parameter in layer.parameters():
        assert abs(deviation(parameter) / 0.02 - 1) <= tolerances.SAMPLE_MOMENT


@pytest.mark.parametrize("name", ["d_model", "n_heads"])
@pytest.mark.parametrize("size", [0, -2])
def test_a_size_that_is_not_positive_is_named(name, size):
    sizes = {"d_model": 12, "n_heads": 3, name: size}
    rule = rf"^MultiHeadAttention: {name} must be a positive integer"
    message = rf"{rule}: expected {name} >= 1, got {size}$"
    with pytest.raises(UsageError, match=message):
        MultiHeadAttention(**sizes)


def test_a_width_that_the_heads_do_not_divide_is_named():
    message = (
        r"^MultiHeadAttention: d_model must be divisible by n_heads: "
        r"expected d_model % 4 == 0, got d_model = 10$"
    )
    with pytest.raises(UsageError, match=message):
        MultiHeadAttention(10, 4)


def test_an_odd_width_of_a_head_is_named():
    message = r"^MultiHeadAttention: head width \(for rope\) must be divisible by 2: .* = 3$"
    with pytest.raises(UsageError, match=message):
        MultiHeadAttention(9, 3)


def test_an_odd_width_of_a_head_is_fine_without_rope():
    layer = MultiHeadAttention(9, 3, positions="none")
    assert layer.forward(np.ones((2, 9), np.float32)).shape == (2, 9)


def test_unknown_positions_are_named():
    message = r"^MultiHeadAttention: unknown positions: expected one of rope, none, got 'sine'$"
    with pytest.raises(UsageError, match=message):
        MultiHeadAttention(12, 3, positions="sine")
