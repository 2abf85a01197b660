"""Quotients that approach the slope like a root of the step have a limit that is told."""

import numpy as np
import pytest

from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.numeric.limits import limits
from capstone.gradcheck.numeric.one_sided import OneSided
from unit.gradcheck.samples import elementwise, evaluator_of


def limits_of(f, *numbers: float, method=Ladder):
    """What is found for each number by itself, for an upstream gradient of 1."""
    x = np.array(numbers)
    evaluator = evaluator_of(elementwise(f, lambda x: x), x)
    found = limits(method(evaluator, np.random.default_rng(0)), 0, np.eye(x.size))
    return found._replace(value=found.value / evaluator.dy, noise=found.noise / abs(evaluator.dy))


def odd_power(x, power: float):
    return np.sign(x) * np.abs(x) ** power


@pytest.mark.parametrize("offset", [0.0, 1.0])
@pytest.mark.parametrize("power", [1.1, 1.25, 1.5, 1.75])
def test_the_limit_lies_within_its_doubt(power: float, offset: float) -> None:
    found = limits_of(lambda x: offset + 3 * x + odd_power(x, power) + x * x, 0.0)
    assert abs(found.value[0] - 3) <= found.noise[0]


@pytest.mark.parametrize("power", [1.5, 1.75])
def test_the_doubt_is_what_is_still_to_come_at_the_smallest_step(power: float) -> None:
    assert limits_of(lambda x: odd_power(x, power), 0.0).noise[0] <= 10.0 ** (-12 * (power - 1))


def test_one_side_has_a_limit_of_its_own() -> None:
    found = limits_of(lambda x: x**1.5, 0.0, method=OneSided)
    assert abs(found.value[0]) <= found.noise[0] < np.inf


@pytest.mark.parametrize(
    "f",
    [np.exp, np.abs, np.cbrt, lambda x: np.maximum(x, 0), lambda x: np.round(x, 3), lambda x: x**3],
    ids=["exp", "abs", "cube root", "relu", "round", "cube"],
)
def test_what_follows_no_such_law_has_none(f) -> None:
    assert np.isnan(limits_of(f, 0.0, 0.7, -1.3).value).all()


def test_a_law_that_ends_above_a_smooth_bottom_leaves_a_doubt_as_large() -> None:
    """A root that is rounded off: its slope at the bottom is no limit of what is seen above."""
    for width in (1e-12, 1e-10, 1e-8, 1e-6):
        found = limits_of(lambda x, width=width: 1e3 + x * (x * x + width**2) ** 0.25, 0.0)
        is_honest = abs(found.value - np.sqrt(width)) <= found.noise
        assert (np.isnan(found.value) | is_honest).all()
