"""Causal dot-product attention: averages of what lies in the past, and of nothing else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import dot_product_attention_bwd, dot_product_attention_fwd
from capstone.ops.dot_product_attention import future
from strategies import cuts, generators, lengths
from unit.closeness import distance


def naive(q, k, v):
    """Row by row, without a mask: the slice is the mask."""
    (Tq, K), Tk = q.shape, len(k)
    y = np.empty_like(q)
    for i in range(Tq):
        seen = slice(0, i + Tk - Tq + 1)
        scores = k[seen] @ q[i] / math.sqrt(K)
        weights = np.exp(scores - scores.max())
        y[i] = weights / weights.sum() @ v[seen]
    return y


@given(generators, lengths, st.integers(0, 3), lengths)
def test_it_equals_the_loop_over_queries(rng, Tq, earlier, K):
    q = rng.standard_normal((Tq, K))
    k, v = rng.standard_normal((2, Tq + earlier, K))
    y, _ = dot_product_attention_fwd(q, k, v)
    assert distance(y, naive(q, k, v)) <= tolerances.TWO_WAYS


@given(generators, cuts(), lengths)
def test_the_future_leaves_earlier_outputs_alone_bit_for_bit(rng, drawn, K):
    T, cut = drawn
    q, k, v, other = rng.standard_normal((4, 2, T, K))
    y, _ = dot_product_attention_fwd(q, k, v)
    k[:, cut:], v[:, cut:], q[:, cut:] = other[:, cut:], 1e6 * other[:, cut:], -other[:, cut:]
    changed, _ = dot_product_attention_fwd(q, k, v)
    np.testing.assert_array_equal(changed[:, :cut], y[:, :cut])
    assert (changed[:, cut:] != y[:, cut:]).any()


@given(generators, cuts(), lengths)
def test_the_future_leaves_gradients_of_earlier_outputs_alone_bit_for_bit(rng, drawn, K):
    T, cut = drawn
    q, k, v, other = rng.standard_normal((4, 2, T, K))
    dy = rng.standard_normal((2, T, K))
    dy[:, cut:] = 0
    grads = dot_product_attention_bwd(dy, dot_product_attention_fwd(q, k, v)[1])
    k[:, cut:], v[:, cut:], q[:, cut:] = other[:, cut:], 1e6 * other[:, cut:], -other[:, cut:]
    changed = dot_product_attention_bwd(dy, dot_product_attention_fwd(q, k, v)[1])
    for got, wanted in zip(changed, grads, strict=True):
        np.testing.assert_array_equal(got[:, :cut], wanted[:, :cut])
        assert not got[:, cut:].any()


@given(generators, lengths, lengths)
def test_the_first_position_sees_itself_only(rng, T, K):
    q, k, v = rng.standard_normal((3, T, K))
    np.testing.assert_array_equal(dot_product_attention_fwd(q, k, v)[0][0], v[0])


@given(generators, lengths, lengths)
def test_the_last_query_sees_every_key(rng, Tk, K):
    q, k = np.zeros((1, K)), rng.standard_normal((Tk, K))
    v = rng.standard_normal((Tk, K))
    y, _ = dot_product_attention_fwd(q, k, v)
    assert np.abs(y[0] - v.mean(axis=0)).max() <= tolerances.TWO_WAYS * np.abs(v).max()


@given(generators, lengths, lengths)
def test_equal_values_are_their_own_average(rng, T, K):
    q, k = rng.standard_normal((2, T, K)) * 10
    y, _ = dot_product_attention_fwd(q, k, np.ones((T, K)))
    assert np.abs(y - 1).max() <= tolerances.PROBABILITY_SUM


@pytest.mark.parametrize(("Tq", "Tk"), [(1, 1), (4, 4), (2, 5)])
def test_a_query_hides_the_keys_after_it(Tq, Tk):
    wanted = [[j > i + Tk - Tq for j in range(Tk)] for i in range(Tq)]
    assert future(Tq, Tk).tolist() == wanted


def test_the_remembered_mask_is_read_only():
    assert not future(3, 3).flags.writeable


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (3, 5), (3, 4)), r"k has the wrong shape: expected \(\.\.\., 4\), got \(3, 5\)"),
        (((3, 4), (3, 4), (2, 4)), r"v has the wrong shape: .* 3, 4\), got \(2, 4\)"),
        (((3, 4), (2, 4), (2, 4)), r"there must be a key for every query: .*Tk >= 3, got Tk = 2"),
    ],
)
def test_an_axis_that_does_not_fit_is_named(shapes, message):
    with pytest.raises(UsageError, match=rf"^dot_product_attention_fwd: {message}$"):
        dot_product_attention_fwd(*(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize("index", range(3))
def test_integers_are_rejected(index):
    arrays = [np.ones((3, 4)) for _ in range(3)]
    arrays[index] = arrays[index].astype(np.int64)
    message = rf"^dot_product_attention_fwd: {'qkv'[index]} must be a floating-point array: "
    with pytest.raises(UsageError, match=message):
        dot_product_attention_fwd(*arrays)
