"""Keys and values that are kept: a past is followed by more, and stays what it is."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.ops.past import Past


def draw(T, *, lead=(2, 3), K=4, seed=0, dtype=float):
    """Keys and values (*lead, T, K)."""
    return np.random.default_rng((seed, T)).standard_normal((2, *lead, T, K)).astype(dtype)


def joined(*parts):
    """What should be kept, the plain way."""
    return np.concatenate(parts, axis=-2)


def same(past, expected):
    np.testing.assert_array_equal([past.k, past.v], expected)


def test_what_follows_comes_behind_and_the_past_stays_what_it_is():
    first, second, third = draw(5), draw(1), draw(7)
    past = Past(*first)
    present = past.followed_by(*second)
    later = present.followed_by(*third)
    same(past, first)
    same(present, joined(first, second))
    same(later, joined(first, second, third))
    assert [len(past), len(present), len(later)] == [5, 6, 13]


def test_a_text_that_grows_by_one_token_is_copied_only_when_its_length_has_doubled():
    past = Past(*draw(1))
    copies, parts = 0, [draw(1)]
    for seed in range(100):
        token = draw(1, seed=seed)
        longer = past.followed_by(*token)
        copies += not np.shares_memory(longer.k, past.k)
        assert np.shares_memory(longer.k, past.k) == np.shares_memory(longer.v, past.v)
        past = longer
        parts.append(token)
    same(past, joined(*parts))
    assert copies == 6  # to room for 4, 10, 22, 46, 94 and 190


def test_two_texts_with_the_same_past_do_not_see_each_other():
    start, left, right, end = draw(3), draw(2, seed=1), draw(2, seed=2), draw(1, seed=3)
    past = Past(*start).followed_by(*draw(1))
    before = joined(start, draw(1))
    on_the_left = past.followed_by(*left)
    on_the_right = past.followed_by(*right)
    further_left = on_the_left.followed_by(*end)
    same(on_the_left, joined(before, left))
    same(on_the_right, joined(before, right))
    same(further_left, joined(before, left, end))
    same(past, before)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_the_past_comes_in_the_precision_of_what_follows(dtype):
    past = Past(*draw(3)).followed_by(*draw(1))
    present = past.followed_by(*draw(2, dtype=dtype))
    assert present.k.dtype == present.v.dtype == dtype
    same(present, joined(draw(3).astype(dtype), draw(1).astype(dtype), draw(2, dtype=dtype)))
    assert past.k.dtype == float


def test_one_past_serves_many_rows_of_examples():
    past = Past(*draw(3)).followed_by(*draw(1))
    tokens = draw(2, lead=(5, 2, 3))
    kept = np.broadcast_to(joined(draw(3), draw(1))[:, None], (2, 5, 2, 3, 4, 4))
    same(past.followed_by(*tokens), joined(kept, tokens))


@pytest.mark.parametrize("lead", [(2, 4), (3, 3)], ids=["heads", "examples"])
def test_what_does_not_fit_is_refused(lead):
    past = Past(*draw(3)).followed_by(*draw(1))
    message = (
        r"^attention_fwd: the past must fit the keys: expected \(\.\.\., H, T0, K\) like .*, "
        r"got \(2, 3, 4, 4\)$"
    )
    with pytest.raises(UsageError, match=message):
        past.followed_by(*draw(1, lead=lead))


def test_as_many_values_as_keys_are_kept():
    k, v = draw(3)
    with pytest.raises(UsageError, match=r"^attention_fwd: the past must fit the keys"):
        Past(k, v[..., :2, :]).followed_by(*draw(1))
