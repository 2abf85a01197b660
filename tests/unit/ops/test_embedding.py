"""The lookup: repeated ids add up, on either route."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import embedding, embedding_bwd, embedding_fwd
from strategies import generators, lengths
from unit.closeness import distance

vocabularies = st.sampled_from([1, 7, embedding.ONE_HOT_LIMIT, embedding.ONE_HOT_LIMIT + 1])


def draw(rng, B, T, V, D):
    """Ids of few different values, so that most repeat."""
    tokens = rng.choice(rng.integers(0, V, 3), (B, T))
    return tokens, rng.standard_normal((V, D)), rng.standard_normal((B, T, D))


@given(generators, lengths, lengths, vocabularies, lengths)
def test_forward_is_a_row_of_the_table_for_every_token(rng, B, T, V, D):
    tokens, weight, _ = draw(rng, B, T, V, D)
    y, _ = embedding_fwd(tokens, weight)
    assert y.tolist() == [[weight[token].tolist() for token in row] for row in tokens]


@given(generators, lengths, lengths, vocabularies, lengths)
def test_backward_equals_the_loop_over_all_uses(rng, B, T, V, D):
    tokens, weight, dy = draw(rng, B, T, V, D)
    wanted = np.zeros((V, D))
    for b in range(B):
        for t in range(T):
            wanted[tokens[b, t]] += dy[b, t]
    (dweight,) = embedding_bwd(dy, embedding_fwd(tokens, weight)[1])
    assert distance(dweight, wanted) <= tolerances.OTHER_ORDER


@pytest.mark.parametrize("limit", [0, 128])
def test_rows_of_absent_tokens_get_exactly_zero(monkeypatch, limit):
    monkeypatch.setattr(embedding, "ONE_HOT_LIMIT", limit)
    _, saved = embedding_fwd(np.array([4, 1, 4]), np.ones((6, 2)))
    (dweight,) = embedding_bwd(np.ones((3, 2)), saved)
    assert dweight.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [2, 2], [0, 0]]


@given(generators, lengths, lengths, lengths, lengths)
def test_both_routes_agree(rng, B, T, V, D):
    tokens, weight, dy = draw(rng, B, T, V, D)
    _, saved = embedding_fwd(tokens, weight)
    (by_one_hot,) = embedding_bwd(dy, saved)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "ONE_HOT_LIMIT", 0)
        (by_sorting,) = embedding_bwd(dy, saved)
    assert distance(by_sorting, by_one_hot) <= tolerances.OTHER_ORDER


@pytest.mark.parametrize("limit", [0, 128])
def test_no_tokens_give_a_gradient_of_zero(monkeypatch, limit):
    monkeypatch.setattr(embedding, "ONE_HOT_LIMIT", limit)
    y, saved = embedding_fwd(np.zeros((2, 0), int), np.ones((6, 3)))
    assert y.shape == (2, 0, 3)
    assert embedding_bwd(y, saved)[0].tolist() == np.zeros((6, 3)).tolist()


@pytest.mark.parametrize("token", [-1, 6])
def test_a_token_out_of_range_is_named(token):
    message = rf"^embedding_fwd: tokens out of range: expected 0 <= id < 6, got {token}$"
    with pytest.raises(UsageError, match=message):
        embedding_fwd(np.array([0, token]), np.ones((6, 3)))


def test_tokens_that_are_no_integers_are_rejected():
    message = (
        r"^embedding_fwd: tokens must be an integer array: "
        r"expected an integer dtype, got float64$"
    )
    with pytest.raises(UsageError, match=message):
        embedding_fwd(np.ones(2), np.ones((6, 3)))


def test_a_table_of_integers_is_rejected():
    message = r"^embedding_fwd: weight must be a floating-point array: .*, got int64$"
    with pytest.raises(UsageError, match=message):
        embedding_fwd(np.array([0]), np.ones((6, 3), np.int64))
