"""Keys and values that are kept: a past is followed by more, and stays what it is."""

import copy
import pickle

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
    assert [past.length, present.length, later.length] == [5, 6, 13]


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


def test_the_last_row_of_room_is_used_before_there_is_new_room():
    past = Past(*draw(1)).followed_by(*draw(1))  # room for 4
    filled = past.followed_by(*draw(2))
    assert np.shares_memory(filled.k, past.k)
    assert not np.shares_memory(filled.followed_by(*draw(1)).k, past.k)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda past: pickle.loads(pickle.dumps(past))],
    ids=["copy", "pickle"],
)
def test_a_copy_holds_what_was_written_and_no_room(duplicate):
    past = Past(*draw(3)).followed_by(*draw(1))
    twin = duplicate(past)
    same(twin, joined(draw(3), draw(1)))
    assert twin.room is None
    for array in (twin.k, twin.v):
        assert (array if array.base is None else array.base).size == array.size
    same(twin.followed_by(*draw(2)), joined(draw(3), draw(1), draw(2)))


@pytest.mark.parametrize("lead", [(2, 4), (3, 3)], ids=["heads", "examples"])
def test_what_does_not_fit_is_refused(lead):
    past = Past(*draw(3)).followed_by(*draw(1))
    message = (
        r"^Past\.followed_by: the keys of the past must fit those that follow: "
        r"expected \(\.\.\., H, 4, 4\) for .*, got \(2, 3, 4, 4\)$"
    )
    with pytest.raises(UsageError, match=message):
        past.followed_by(*draw(1, lead=lead))


@pytest.mark.parametrize("count", [1, 2])
def test_as_many_values_as_keys_are_kept(count):
    k, v = draw(3)
    with pytest.raises(
        UsageError, match=r"the values of the past must fit .* got \(2, 3, .*, 4\)$"
    ):
        Past(k, v[..., :count, :]).followed_by(*draw(1))


@pytest.mark.parametrize("room", [False, True])
def test_values_must_be_like_their_keys(room):
    past, (k, v) = Past(*draw(3)), draw(1)
    past = past.followed_by(k, v) if room else past
    for other in (v[:1], v.astype(np.float32), v * 1j):
        with pytest.raises(UsageError, match=r"^Past\.followed_by: values must be like their keys"):
            past.followed_by(k, other)


def test_a_complex_past_does_not_lose_its_imaginary_part_beside_real_keys():
    past = Past(*draw(3, dtype=complex))
    with pytest.raises(UsageError, match=r"expected float64, got complex128$"):
        past.followed_by(*draw(1))
