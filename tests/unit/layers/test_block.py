"""The transformer block: two branches on a stream, and no look into the future."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.layers import TransformerBlock
from strategies import cuts, generators

choices = st.sampled_from(["rope", "none"])


def make_block(positions="rope"):
    return TransformerBlock(12, 3, 7, positions=positions, std=0.5, dtype=float)


@given(generators, cuts(), choices)
def test_the_future_leaves_earlier_outputs_alone_bit_for_bit(rng, drawn, positions):
    T, cut = drawn
    block, x = make_block(positions), rng.standard_normal((2, T, 12))
    y = block.forward(x)
    x[:, cut:] = 100 * rng.standard_normal(x[:, cut:].shape)
    changed = block.forward(x)
    np.testing.assert_array_equal(changed[:, :cut], y[:, :cut])
    assert (changed[:, cut:] != y[:, cut:]).any()


@given(generators, cuts(), choices)
def test_the_future_leaves_gradients_of_earlier_outputs_alone_bit_for_bit(rng, drawn, positions):
    T, cut = drawn
    block, (x, dy) = make_block(positions), rng.standard_normal((2, 2, T, 12))
    dy[:, cut:] = 0
    block.forward(x)
    dx = block.backward(dy)
    x[:, cut:] = 100 * rng.standard_normal(x[:, cut:].shape)
    block.forward(x)
    changed = block.backward(dy)
    np.testing.assert_array_equal(changed[:, :cut], dx[:, :cut])
    assert not changed[:, cut:].any()


def test_both_branches_are_added_to_the_stream():
    block = make_block()
    x = np.random.default_rng(0).standard_normal((2, 5, 12))
    h = x + block.attention.forward(block.attention_norm.forward(x))
    wanted = h + block.feed_forward.forward(block.feed_forward_norm.forward(h))
    np.testing.assert_array_equal(block.forward(x), wanted)


def test_silent_branches_hand_the_stream_through_both_ways():
    block = make_block()
    block.attention.wo.data[...] = 0
    block.feed_forward.w_down.data[...] = 0
    x, dy = np.random.default_rng(0).standard_normal((2, 2, 5, 12))
    np.testing.assert_array_equal(block.forward(x), x)
    np.testing.assert_array_equal(block.backward(dy), dy)


def test_parameters_come_in_the_order_of_the_forward_pass():
    names = [name for name, _ in make_block().named_parameters()]
    assert names == [
        "attention_norm.gain",
        "attention.wq",
        "attention.wk",
        "attention.wv",
        "attention.wo",
        "feed_forward_norm.gain",
        "feed_forward.w_gate",
        "feed_forward.w_up",
        "feed_forward.w_down",
    ]


def test_weights_that_write_into_the_stream_start_with_their_own_deviation():
    block = TransformerBlock(240, 3, 300, std=0.1, out_std=0.3)
    for name, parameter in block.named_parameters():
        if parameter.data.ndim == 2:
            std = 0.3 if name.endswith(("wo", "w_down")) else 0.1
            assert abs(parameter.data.std() / std - 1) <= tolerances.SAMPLE_MOMENT


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 3, 7), r"d_model must be a positive integer: expected d_model >= 1, got 0$"),
        ((12, 0, 7), r"n_heads must be a positive integer: expected n_heads >= 1, got 0$"),
        ((12, 3, -1), r"d_ff must be a positive integer: expected d_ff >= 1, got -1$"),
        ((12, 5, 7), r"d_model must be divisible by n_heads: .*, got d_model = 12$"),
    ],
)
def test_a_size_that_does_not_fit_is_named(sizes, message):
    with pytest.raises(UsageError, match=message):
        TransformerBlock(*sizes)
