"""Slopes of other functions; beside each bug a near miss that must not match."""

import numpy as np

from capstone.gradcheck.diagnosis.elementwise import complement, slope
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

X, DY, RANDOM = draw(4, 5), draw(4, 5, seed=3), draw(4, 5, seed=4)
COSINE = DY * np.cos(X)


def test_the_slope_of_another_function() -> None:
    words = slope(evidence(DY * np.cos(0.9 * X), COSINE, dy=DY, value=X))
    assert words.startswith("dy times the slope of another function of w: ")


def test_both_slopes_are_given_where_they_differ_most() -> None:
    bent = evidence(DY * (np.cos(X) + np.tanh(X)), COSINE, dy=DY, value=X)
    largest = X.reshape(-1)[np.abs(X).argmax()]
    assert f"for {np.cos(largest):.3g} at {largest:.3g}" in slope(bent)


def test_an_error_without_order_is_a_near_miss() -> None:
    assert slope(evidence(COSINE + 1e-3 * RANDOM, COSINE, dy=DY, value=X)) == ""


def test_a_gradient_that_is_no_function_of_its_own_entry_is_a_near_miss() -> None:
    assert slope(evidence(RANDOM + DY * np.sin(X), RANDOM, dy=DY, value=X)) == ""


def test_few_entries_show_no_slope() -> None:
    few = (array[:2] for array in (DY * np.cos(0.9 * X), COSINE, DY, X))
    analytic, numeric, dy, value = few
    assert slope(evidence(analytic, numeric, dy=dy, value=value)) == ""


def test_what_dy_leaves() -> None:
    assert complement(evidence(DY - COSINE, COSINE, dy=DY)).startswith("analytic = dy - numeric")


def test_what_dy_leaves_with_another_error_is_a_near_miss() -> None:
    assert complement(evidence(DY - COSINE + 1e-3 * RANDOM, COSINE, dy=DY)) == ""


def test_what_a_sum_over_rows_leaves() -> None:
    rows, true = draw(4, seed=5), draw(4, 5, seed=6)
    words = complement(evidence(rows[:, None] - true, true, dy=rows))
    assert words.startswith("analytic = dy - numeric")
    assert complement(evidence(rows[::-1, None] - true, true, dy=rows)) == ""
    assert complement(evidence(DY[0, :3] - true[0, :3], true[0, :3], dy=DY[0, :3])) == ""


def test_the_slope_beside_another_argument() -> None:
    up = draw(4, 5, seed=5)
    gated = {"dy": DY, "value": X, "up": up}
    words = slope(evidence(up * DY * np.cos(0.9 * X), up * COSINE, **gated))
    assert words.startswith("dy x up times the slope of another function of w: ")
    assert slope(evidence(up * (COSINE + 1e-1 * RANDOM), up * COSINE, **gated)) == ""


def test_a_slope_that_has_a_pole_at_0() -> None:
    right = (COSINE - DY * np.sin(X) / X) / X
    words = slope(evidence(COSINE / X, right, dy=DY, value=X))
    assert words.startswith("dy / w times the slope of another function of w: ")
    assert slope(evidence(RANDOM / X, right, dy=DY, value=X)) == ""
