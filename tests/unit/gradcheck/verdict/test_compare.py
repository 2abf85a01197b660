"""Verdicts on single comparisons: nothing that is not finite counts as agreement."""

import numpy as np
import pytest

from capstone.gradcheck.numeric.evaluator import Slopes
from capstone.gradcheck.subjects.subject import frozen
from capstone.gradcheck.verdict.compare import Comparison

NONE = np.zeros(2)


def comparison(analytic, value, noise=0.0, extra=0.0, terms=1.0) -> Comparison:
    slopes = Slopes(np.array(value), NONE + noise, NONE + terms, NONE > 0)
    argument = frozen("x", np.ones(2))
    return Comparison(argument, np.array(analytic), slopes, np.abs(value), NONE + extra)


def test_equal_numbers_are_right_and_different_ones_wrong() -> None:
    assert comparison([1.0, 2.0], [1.0, 2.0 + 1e-9]).is_wrong.tolist() == [False, True]


@pytest.mark.parametrize("where", ["noise", "extra", "terms"])
@pytest.mark.parametrize("size", [np.nan, np.inf])
def test_bound_that_is_not_finite_excuses_nothing(where: str, size: float) -> None:
    assert comparison([1.0, 2.0], [1.0, 2.0], **{where: size}).is_wrong.all()


@pytest.mark.parametrize("pair", [([np.nan, 1.0], [1.0, 1.0]), ([1.0, 1.0], [np.nan, 1.0])])
def test_nan_is_wrong(pair) -> None:
    assert comparison(*pair).is_wrong.tolist() == [True, False]


def test_zeros_to_rounding_show_nothing() -> None:
    assert not comparison([1e-17, 0.0], [0.0, 0.0]).shows_something
    assert comparison([1.0, 0.0], [1.0, 0.0]).shows_something
