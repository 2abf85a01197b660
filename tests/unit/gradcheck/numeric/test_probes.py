"""Directions that hide nothing, and points that stay in their domain."""

import numpy as np

from capstone.gradcheck.numeric.probes import far_point, near_point, nudged, one_hots, signed
from unit.gradcheck.samples import draw

RNG = np.random.default_rng(0)


def test_signed_entries_are_bounded_away_from_zero() -> None:
    probe = signed(RNG, (50, 40), np.dtype(float))
    assert 0.5 <= np.abs(probe).min() <= np.abs(probe).max() <= 1.5
    assert (probe < 0).any()
    assert (probe > 0).any()


def test_far_point_is_a_permutation() -> None:
    x = draw(5, 7)
    far = far_point(RNG, x)
    assert not np.array_equal(far, x)
    np.testing.assert_array_equal(np.sort(far, axis=None), np.sort(x, axis=None))


def test_sorted_integers_and_empty_arrays_stay() -> None:
    np.testing.assert_array_equal(far_point(RNG, np.array([0, 2, 5])), [0, 2, 5])
    assert far_point(RNG, np.zeros((0, 3))).shape == (0, 3)


def test_near_point_keeps_integers() -> None:
    np.testing.assert_array_equal(near_point(RNG, np.array([1, 2])), [1, 2])
    np.testing.assert_array_equal(near_point(RNG, np.array([8.0])), [9.0])


def test_nudged_moves_by_one_rounding_error() -> None:
    x = 1 + np.abs(draw(20))
    moved = np.abs(nudged(RNG, x) / x - 1)
    assert 0 < moved.max() <= 2 * np.finfo(float).eps


def test_one_hots_number_entries_in_c_order() -> None:
    directions = one_hots(np.array([1, 5]), (2, 3))
    assert [int(np.flatnonzero(d)[0]) for d in directions] == [1, 5]
