"""What the fingerprints see."""

import numpy as np

from capstone.gradcheck.diagnosis.evidence import Evidence, aligned
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G = draw(4, 5)
GRID = (np.array([0, 3]), np.array([1, 2, 4]))


def on_grid() -> Evidence:
    part = G[np.ix_(*GRID)]
    return Evidence("w", G, 2 * G, part, np.ones(part.shape, bool), grid=GRID)


def test_the_analytic_gradient_is_seen_on_the_grid() -> None:
    assert np.array_equal(on_grid().analytic, 2 * G[np.ix_(*GRID)])


def test_indices_are_those_of_the_argument() -> None:
    assert [on_grid().index(1, number) for number in range(3)] == [1, 2, 4]


def test_arrays_line_up_from_the_last_axis() -> None:
    beside = evidence(G, G).beside(np.arange(5))
    assert beside is not None
    assert np.array_equal(beside, np.broadcast_to(np.arange(5.0), (4, 5)))


def test_arrays_line_up_from_the_first_axis() -> None:
    beside = evidence(G, G).beside(np.arange(4))
    assert beside is not None
    assert np.array_equal(beside[:, 0], np.arange(4.0))


def test_channels_line_up_with_an_axis_between() -> None:
    between = aligned(np.arange(3), (2, 3, 4))
    assert between is not None
    assert np.array_equal(between[1, :, 2], np.arange(3))
    assert aligned(np.ones((3, 1)), (2, 3, 4)) is not None
    assert aligned(np.ones(5), (2, 3, 4)) is None


def test_arrays_that_do_not_fit_are_left_out() -> None:
    assert [name for name, _ in evidence(G, G, x=draw(3), gain=draw(5)).arrays()] == ["gain", "w"]


def test_a_guess_must_explain_the_error_and_not_the_gradient() -> None:
    assert not evidence(G + 1e-7 * draw(4, 5, seed=3), G).fits(G)


def test_an_error_within_the_noise_is_not_clear() -> None:
    assert not evidence(G * (1 + 1e-9), G, noise=1e-9).is_clear


def test_an_explanation_must_hold_beside_an_entry_far_larger_than_the_others() -> None:
    numeric = np.array([4.0, 0.25, 1e7, 0.6, 2.0, 0.8])
    tripled = numeric.copy()
    tripled[2] *= 3
    assert not evidence(tripled, numeric).fits(3 * numeric)
    assert evidence(3 * numeric, numeric).fits(3 * numeric)


def test_what_is_right_contradicts_an_explanation_even_below_the_noise() -> None:
    numeric = np.array([4.0, 0.25, 1e7, 0.6, 2.0, 0.8])
    tripled = numeric.copy()
    tripled[2] *= 3
    assert not evidence(tripled, numeric, noise=100.0).fits(3 * numeric)
    assert evidence(3 * numeric, numeric, noise=100.0).fits(3 * numeric)


def test_moved_entries_must_be_right_beside_one_far_larger_than_the_others() -> None:
    numeric = np.array([4.0, 0.25, 1e7, 0.6, 2.0, 0.8])
    moved = numeric[[1, 0, 2, 4, 3, 5]]
    assert not evidence(3 * numeric, numeric).is_true(moved)
