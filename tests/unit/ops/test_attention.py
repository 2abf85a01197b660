"""Multi-head attention: causal bit for bit, and each head on its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.ops import attention_bwd, attention_fwd, dot_product_attention_fwd, rope_fwd
from capstone.ops.attention import merge_heads, split_heads
from capstone.ops.past import Past
from strategies import cuts, generators, heads, lengths
from unit.closeness import distance

choices = st.sampled_from(["rope", "none"])


def draw_weights(rng, D):
    """Of queries, keys and values side by side, and of the output."""
    return rng.standard_normal((D, 3 * D)) * D**-0.5, rng.standard_normal((D, D)) * D**-0.5


@given(generators, cuts(), heads, choices)
def test_the_future_leaves_earlier_outputs_alone_bit_for_bit(rng, drawn, H, positions):
    T, cut = drawn
    weights, x = draw_weights(rng, 4 * H), rng.standard_normal((2, T, 4 * H))
    y, _ = attention_fwd(x, *weights, n_heads=H, positions=positions)
    x[:, cut:] = 100 * rng.standard_normal(x[:, cut:].shape)
    changed, _ = attention_fwd(x, *weights, n_heads=H, positions=positions)
    np.testing.assert_array_equal(changed[:, :cut], y[:, :cut])
    assert (changed[:, cut:] != y[:, cut:]).any()


@given(generators, cuts(), heads, choices)
def test_the_future_leaves_gradients_of_earlier_outputs_alone_bit_for_bit(rng, drawn, H, positions):
    T, cut = drawn
    weights, (x, dy) = draw_weights(rng, 4 * H), rng.standard_normal((2, 2, T, 4 * H))
    dy[:, cut:] = 0
    _, saved = attention_fwd(x, *weights, n_heads=H, positions=positions)
    dx, *_ = attention_bwd(dy, saved)
    x[:, cut:] = 100 * rng.standard_normal(x[:, cut:].shape)
    _, saved = attention_fwd(x, *weights, n_heads=H, positions=positions)
    changed, *_ = attention_bwd(dy, saved)
    np.testing.assert_array_equal(changed[:, :cut], dx[:, :cut])
    assert not changed[:, cut:].any()


@given(generators, lengths, heads, choices)
def test_it_equals_the_loop_over_heads(rng, T, H, positions):
    K = 4
    x, (wqkv, wo) = rng.standard_normal((T, K * H)), draw_weights(rng, K * H)
    wq, wk, wv = np.split(wqkv, 3, axis=1)
    wanted = np.zeros_like(x)
    for head in range(H):
        block = slice(head * K, (head + 1) * K)
        q, k, v = x @ wq[:, block], x @ wk[:, block], x @ wv[:, block]
        if positions == "rope":
            q, k = rope_fwd(q)[0], rope_fwd(k)[0]
        wanted += dot_product_attention_fwd(q, k, v)[0] @ wo[block]
    y, _ = attention_fwd(x, wqkv, wo, n_heads=H, positions=positions)
    assert distance(y, wanted) <= tolerances.TWO_WAYS


def test_rope_is_the_default():
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((3, 8)), draw_weights(rng, 8)
    y, _ = attention_fwd(x, *weights, n_heads=2)
    np.testing.assert_array_equal(y, attention_fwd(x, *weights, n_heads=2, positions="rope")[0])
    assert (y != attention_fwd(x, *weights, n_heads=2, positions="none")[0]).any()


@given(generators, st.lists(lengths, max_size=2), lengths, heads, lengths)
def test_merging_heads_undoes_splitting(rng, lead, T, H, K):
    x = rng.standard_normal((*lead, T, 3 * H * K))
    split = split_heads(x, 3 * H)
    assert split.shape == (*lead, 3 * H, T, K)
    np.testing.assert_array_equal(merge_heads(split), x)
    np.testing.assert_array_equal(merge_heads(*np.split(split, 3, axis=-3)), x)


def test_a_head_is_a_block_of_consecutive_features():
    x = np.arange(24.0).reshape(4, 6)
    np.testing.assert_array_equal(split_heads(x, 3)[1], x[:, 2:4])


@pytest.mark.parametrize("positions", ["rope", "none"])
def test_kept_keys_and_values_do_not_keep_the_queries_alive(positions):
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((3, 8)), draw_weights(rng, 8)
    _, saved = attention_fwd(x, *weights, n_heads=2, positions=positions)
    for kept in (saved.present.k, saved.present.v):
        assert (kept if kept.base is None else kept.base).nbytes == kept.nbytes


def test_splitting_copies_nothing():
    x = np.ones((2, 4, 6))
    assert np.shares_memory(split_heads(x, 3), x)


def test_a_width_that_the_heads_do_not_divide_is_named():
    message = r"^attention_fwd: D must be divisible by n_heads: expected D % 4 == 0, got D = 10$"
    with pytest.raises(UsageError, match=message):
        attention_fwd(np.ones((3, 10)), np.ones((10, 30)), np.ones((10, 10)), n_heads=4)


def test_an_odd_width_of_a_head_is_named():
    message = r"^rope_fwd: K must be divisible by 2: expected K % 2 == 0, got K = 3$"
    with pytest.raises(UsageError, match=message):
        attention_fwd(np.ones((3, 6)), np.ones((6, 18)), np.ones((6, 6)), n_heads=2)


def test_unknown_positions_are_named():
    message = r"^attention_fwd: unknown positions: expected one of rope, none, got 'learned'$"
    weights = np.ones((8, 24)), np.ones((8, 8))
    with pytest.raises(UsageError, match=message):
        attention_fwd(np.ones((3, 8)), *weights, n_heads=2, positions="learned")


def test_a_weight_that_does_not_fit_is_named():
    message = r"^attention_fwd: wqkv has the wrong shape: expected \(\.\.\., 8, 24\), got \(8, 8\)$"
    with pytest.raises(UsageError, match=message):
        attention_fwd(np.ones((3, 8)), *np.ones((2, 8, 8)), n_heads=2)


@given(generators, cuts(), heads, choices)
def test_after_its_past_a_row_is_what_it_is_in_the_whole(rng, drawn, H, positions):
    T, cut = drawn
    weights, x = draw_weights(rng, 4 * H), rng.standard_normal((2, T, 4 * H))
    options = {"n_heads": H, "positions": positions}
    whole, _ = attention_fwd(x, *weights, **options)
    _, saved = attention_fwd(x[:, :cut], *weights, **options)
    rest, _ = attention_fwd(x[:, cut:], *weights, **options, past=saved.present)
    assert distance(rest, whole[:, cut:]) < tolerances.TWO_WAYS


@pytest.mark.parametrize("positions", ["rope", "none"])
def test_the_past_is_constant_for_the_backward_pass(positions):
    rng = np.random.default_rng(0)
    past = Past(*rng.standard_normal((2, 2, 3, 7, 4)))  # (B, H, T0, K) each
    options = {"n_heads": 3, "positions": positions, "past": past}
    op, x = Op(attention_fwd, attention_bwd, options=options), rng.standard_normal((2, 5, 12))
    check(op, x, *draw_weights(rng, 12), depth="per_entry").raise_if_wrong()


def test_no_rows_after_a_past_have_no_gradient():
    rng = np.random.default_rng(0)
    past = Past(*rng.standard_normal((2, 2, 3, 7, 4)))  # (B, H, T0, K) each
    none, weights = np.zeros((2, 0, 12)), draw_weights(rng, 12)
    _, saved = attention_fwd(none, *weights, n_heads=3, past=past)
    dx, *dweights = attention_bwd(none, saved)
    assert dx.shape == none.shape
    assert not any(dweight.any() for dweight in dweights)


@pytest.mark.parametrize(
    ("past", "message"),
    [
        ((np.ones((2, 3, 7, 4)),) * 2, r"past must be a Past: expected Past\(k, v\), got tuple$"),
        (Past(np.ones(3), np.ones(3)), r"past\.k must have at least 3 axes: .* got shape \(3,\)$"),
        (
            Past(np.ones((3, 7, 4), int), np.ones((3, 7, 4))),
            r"past\.k must be a floating-point arr",
        ),
    ],
    ids=["a tuple", "one axis", "integers"],
)
def test_what_is_no_past_is_refused(past, message):
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match=rf"^attention_fwd: {message}"):
        attention_fwd(rng.standard_normal((5, 12)), *draw_weights(rng, 12), n_heads=3, past=past)


@pytest.mark.parametrize(
    "shape", [(2, 7, 4), (3, 7, 5), (2, 3, 7, 4)], ids=["heads", "width", "examples"]
)
def test_a_past_that_does_not_fit_is_refused(shape):
    rng = np.random.default_rng(0)
    past = Past(np.zeros(shape), np.zeros((3, 7, 4)))
    with pytest.raises(UsageError, match=r"^Past\.followed_by: the keys of the past must fit"):
        attention_fwd(rng.standard_normal((5, 12)), *draw_weights(rng, 12), n_heads=3, past=past)
