"""Whether a gradient is right with other values, and what it costs to ask."""

from collections.abc import Mapping

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis.elsewhere import MOST, StandIn, right_with
from capstone.gradcheck.diagnosis.evidence import Evidence
from unit.gradcheck.diagnosis.evidence_of import evidence, evidence_at
from unit.gradcheck.samples import draw

X, W = draw(6, 4), draw(4, 3, seed=3)
TWICE = StandIn("twice w", {"w": 2 * W})


def right_for(w: Array) -> Evidence:
    return evidence_at(np.matmul, lambda dy, x, own: dy @ w.T, x=X, w=W)


def test_the_first_candidate_that_fits_is_named() -> None:
    assert right_with(right_for(2 * W), [StandIn("-w", {"w": -W}), TWICE, TWICE]) == "twice w"


@pytest.mark.parametrize("entry", [(0, 0), (3, 2)])
def test_one_entry_of_another_value_is_a_near_miss(entry: tuple[int, int]) -> None:
    other = 2 * W
    other[entry] *= 1 + 1e-3
    assert right_with(right_for(other), [TWICE]) == ""


def test_a_factor_beside_it_counts() -> None:
    assert right_with(right_for(3 * W), [TWICE._replace(beside=1.5)]) == "twice w"


def test_an_error_near_the_noise_is_not_explained() -> None:
    e = evidence(X + 1e-9, X, noise=1e-9, at=lambda replaced, directions: None)
    assert right_with(e, [TWICE]) == ""


def test_a_part_of_the_true_gradient_is_enough() -> None:
    e, grid = right_for(2 * W), (np.array([0, 2, 5]), np.array([1, 3]))
    part = np.ix_(*grid)
    sampled = Evidence("x", X, e.whole, e.numeric[part], e.is_wrong[part], grid=grid, at=e.at)
    assert right_with(sampled, [StandIn("-w", {"w": -W}), TWICE]) == "twice w"


def test_not_more_is_tried_than_takes_a_moment() -> None:
    tried = []

    def at(replaced: Mapping[str, Array], directions: Array) -> Array:
        tried.append(replaced)
        return np.full(len(directions), np.nan)

    assert right_with(evidence(2 * X, X, at=at), [TWICE] * 1000) == ""
    assert len(tried) == MOST
