"""The transformer block: two branches on a stream, and no look into the future."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import BackwardOrderError, UsageError
from capstone.layers import TransformerBlock
from capstone.ops.past import Past
from strategies import cuts, generators

choices = st.sampled_from(["rope", "none"])


def make_block(positions="rope", dtype=float):
    return TransformerBlock(12, 3, 7, positions=positions, std=0.5, dtype=dtype)


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
        "attention.wqkv",
        "attention.wo",
        "feed_forward_norm.gain",
        "feed_forward.w_gate",
        "feed_forward.w_up",
        "feed_forward.w_down",
    ]


# Recomputation


def run_both_passes(block, x, dy):
    """Everything that comes out: the output, the gradients of the input and of all parameters."""
    block.zero_grad()
    y = block.forward(x)
    return [y, block.backward(dy), *(parameter.grad.copy() for parameter in block.parameters())]


@given(generators, cuts(), choices, st.sampled_from([np.float32, np.float64]))
def test_recomputation_gives_the_same_bits(rng, drawn, positions, dtype):
    block = make_block(positions, dtype)
    x, dy = rng.standard_normal((2, 2, drawn[0], 12)).astype(dtype)
    kept = run_both_passes(block, x, dy)
    block.recompute = True
    for got, wanted in zip(run_both_passes(block, x, dy), kept, strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, wanted)


@pytest.fixture
def lean():
    """A block that recomputes, its input and an upstream gradient."""
    block = make_block()
    block.recompute = True
    return block, *np.random.default_rng(0).standard_normal((2, 2, 5, 12))


def parts_of(block):
    return block.attention_norm, block.attention, block.feed_forward_norm, block.feed_forward


def test_a_block_that_recomputes_keeps_its_input_alone(lean):
    block, x, dy = lean
    block.forward(x)
    assert np.shares_memory(block.cache, x)
    assert not block.cache.flags.writeable
    assert [part.cache for part in parts_of(block)] == [None] * 4
    block.backward(dy)
    assert [part.cache for part in (block, *parts_of(block))] == [None] * 5


def test_a_block_keeps_nothing_of_its_own_unless_it_recomputes(lean):
    _, x, _ = lean
    block = make_block()
    block.forward(x)
    assert block.cache is None


def test_what_a_block_that_recomputes_keeps_can_be_forgotten(lean):
    block, x, dy = lean
    block.forward(x)
    block.forget()
    with pytest.raises(BackwardOrderError, match=r"got none since the last backward$"):
        block.backward(dy)


def test_a_block_that_recomputes_runs_forward_once_unless_backward_follows(lean, monkeypatch):
    block, x, dy = lean
    runs = []
    forward = block.feed_forward.forward
    monkeypatch.setattr(block.feed_forward, "forward", lambda x: runs.append(x) or forward(x))
    block.forward(x)
    assert len(runs) == 1
    block.backward(dy)
    assert len(runs) == 2


def test_an_upstream_gradient_of_another_shape_is_refused_before_anything_runs_again(lean):
    block, x, dy = lean
    block.forward(x)
    message = r"^TransformerBlock\.backward: grad_output must have the shape of the output: "
    with pytest.raises(UsageError, match=message):
        block.backward(dy[:1])
    block.backward(dy)  # the forward pass is still there


def test_the_last_forward_counts_whichever_way_it_was_run(lean):
    block, x, dy = lean
    wanted = run_both_passes(make_block(), x, dy)
    block.forward(2 * x)
    block.recompute = False
    for got, value in zip(run_both_passes(block, x, dy), wanted, strict=True):
        np.testing.assert_array_equal(got, value)


def test_a_past_that_is_gone_by_the_time_of_backward_still_counts(lean):
    block, x, dy = lean
    past = Past(*np.random.default_rng(1).standard_normal((2, 2, 3, 7, 4)))  # (B, H, T0, K)
    grads = []
    for block.recompute in (False, True):
        block.attention.past = past
        block.forward(x)
        block.attention.past = None
        grads.append(block.backward(dy))
    np.testing.assert_array_equal(*grads)


def test_a_block_that_reads_on_does_not_look_back_at_its_own_rows_in_backward(lean):
    block, x, dy = lean
    grads = []
    for block.recompute in (False, True):
        block.attention.reads_on = True
        block.forward(x)
        block.attention.past, block.attention.reads_on = None, False
        grads.append(block.backward(dy))
    np.testing.assert_array_equal(*grads)


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
