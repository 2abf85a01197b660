"""Missing terms and factors of slices; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis import terms
from capstone.gradcheck.diagnosis.evidence import Known
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G, DY, X, ROWS = draw(4, 5), draw(4, 5, seed=3), draw(4, 5, seed=4), draw(4, 1, seed=5)
SPOIL = np.zeros((4, 5))
SPOIL[1, 2] = 1e-3
COLUMNS = draw(1, 5, seed=6)
OTHERS = (Known("v", X, DY, DY),)

CASES = {
    "residual": (
        evidence(G - DY, G, dy=DY),
        evidence(G - DY + SPOIL, G, dy=DY),
        "the error is -dy: is a residual branch missing, or the 1 of a factor",
    ),
    "decay": (
        evidence(G + 0.01 * X, G, value=X),
        evidence(G + 0.01 * X + SPOIL, G, value=X),
        "0.01 x w itself: weight decay",
    ),
    "term": (
        evidence(G + DY, G, others=OTHERS),
        evidence(G + DY + SPOIL, G, others=OTHERS),
        "the error is 1 x the gradient of v",
    ),
    "slices": (
        evidence(G * ROWS, G),
        evidence(G * ROWS + SPOIL, G),
        "a factor of its own for each index of axis 0",
    ),
    "constant": (
        evidence(G + ROWS, G),
        evidence(G + ROWS + SPOIL, G),
        "the error is constant along axis 1: is a mean or a sum over it missing?",
    ),
    "projection": (
        evidence(G + ROWS * X, G, x=X),
        evidence(G + ROWS * X + SPOIL, G, x=X),
        "the error is a multiple of x in each slice along axis 1",
    ),
    "rounded_slices": (
        evidence(G * (1 + 1e-8 * ROWS), G),
        evidence(G * (1 + 1e-5 * ROWS), G),
        "as float32 leaves them: is float32 used inside?",
    ),
    "renormalized": (
        evidence(G * ROWS * COLUMNS, G),
        evidence(G * (ROWS * COLUMNS + 1e-3 * X), G),
        "analytic / numeric is one number for each index of axes 0 and 1, multiplied",
    ),
    "other_axis": (
        evidence(G + X * (ROWS + 0.1 * COLUMNS), G, x=X, dy=DY),
        evidence(G + X * (ROWS + 0.1 * COLUMNS) + SPOIL, G, x=X, dy=DY),
        "the error / x mixes sums along axes 0 and 1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    bug, _, words = CASES[name]
    assert words in getattr(terms, name)(bug)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    assert getattr(terms, name)(CASES[name][1]) == ""


def test_a_branch_counted_twice() -> None:
    assert "+dy: is a residual branch counted twice?" in terms.residual(evidence(G + DY, G, dy=DY))


def test_a_value_added() -> None:
    assert terms.term(evidence(G + 2 * X, G, x=X)) == "the error is 2 x x"


def test_a_projection_and_a_mean() -> None:
    words = terms.projection(evidence(G + ROWS * X + ROWS**2, G, x=X))
    assert words.startswith("the error is a constant and a multiple of x in each slice")


def test_the_same_error_everywhere() -> None:
    assert terms.constant(evidence(G + 0.25, G)) == "the error is 0.25 in every entry"


def test_one_slice_with_a_factor_is_a_matter_of_place() -> None:
    assert terms.slices(evidence(G * np.array([[1], [1], [3], [1.0]]), G)) == ""


def test_an_axis_of_two_entries_shows_no_projection() -> None:
    narrow = draw(3, 2)
    wrong = narrow + draw(3, 2, seed=8)
    assert terms.projection(evidence(wrong, narrow, x=draw(3, 2, seed=9))) == ""


def test_probabilities_in_a_projection() -> None:
    p = np.exp(X) / np.exp(X).sum(axis=-1, keepdims=True)
    assert "a multiple of exp(y)" in terms.projection(evidence(G + ROWS * p, G, y=np.log(p)))
    assert "a multiple of softmax(w)" in terms.projection(evidence(G + ROWS * p, G, value=X))


def test_two_arrays_in_a_projection() -> None:
    error = ROWS * X + ROWS[::-1] * DY
    assert "made of x and dy in each slice" in terms.projection(evidence(G + error, G, x=X, dy=DY))
    assert terms.projection(evidence(G + error + SPOIL, G, x=X, dy=DY)) == ""


def test_an_error_of_a_low_rank_says_nothing_beside_a_gradient_of_one() -> None:
    flat = G[:, :1] * G[:1]
    assert terms.other_axis(evidence(flat + ROWS * COLUMNS, flat, dy=DY)) == ""


@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 1, 5)])
def test_a_single_row_of_an_input_shows_no_weight_decay(shape: tuple[int, ...]) -> None:
    row, x, dy = draw(*shape), draw(*shape, seed=3), draw(*shape, seed=4)
    e = evidence(row - 0.3 * x, row, name="x", value=x, dy=dy)
    assert terms.decay(e) == terms.term(e) == ""
    assert terms.projection(e).startswith("the error is a multiple of x in each slice along axis")
    assert "weight decay" in terms.decay(evidence(row - 0.3 * x, row, value=x, dy=draw(7, 5)))


def test_roundings_of_slices_are_no_factors_of_their_own() -> None:
    assert terms.slices(evidence(G * (1 + 1e-8 * ROWS), G)) == ""
    assert terms.rounded_slices(evidence(G * (1 + 1e-8 * np.abs(ROWS)), G)) == ""  # all larger


def test_a_minute_error_is_no_other_norm() -> None:
    assert terms.renormalized(evidence(G + 1e-10 * X, G)) == ""


@pytest.mark.parametrize("axis", [0, 1])
def test_sums_over_the_wrong_axis_beside_a_statistic(axis: int) -> None:
    centered = X - X.mean(axis=axis, keepdims=True)
    error = centered * (ROWS + 0.1 * COLUMNS)
    words = terms.other_axis(evidence(G + error, G, value=X, dy=DY))
    assert words.startswith(f"the error / (w - its mean over axis {axis}) mixes sums")
    assert terms.other_axis(evidence(G + error + SPOIL, G, value=X, dy=DY)) == ""
