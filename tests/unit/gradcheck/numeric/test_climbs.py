"""Orders of truncation from central differences, and climbs that are taken out and put back."""

import numpy as np
import pytest

from capstone.gradcheck.numeric.climbs import NOISES, RATIO, Climbs, Rungs, extrapolated
from unit.gradcheck.samples import draw

NOTHING = np.full((len(NOISES), 1), np.nan)


@pytest.mark.parametrize(("order", "power"), [(0, 2), (1, 4), (2, 6)])
def test_truncation_goes_with_the_second_fourth_and_sixth_power_of_the_step(
    order: int, power: int
) -> None:
    steps = RATIO ** np.arange(6)[:, None] * 1e-2
    slopes = extrapolated(np.sinh(steps) / steps, NOTHING)  # of sinh at 0, which is 1
    errors = np.abs(slopes[order:, order, 0] - 1)
    orders = np.log(errors[1:] / errors[:-1]) / np.log(RATIO)
    assert np.round(orders).tolist() == [power] * len(orders)


def test_without_a_rung_below_there_is_no_higher_order() -> None:
    slopes = extrapolated(np.ones((3, 1)), NOTHING)[..., 0]
    assert np.isnan(slopes).tolist() == [[False, True, True], [False, False, True], [False] * 3]


def test_rungs_in_groups_give_what_they_give_together() -> None:
    central = draw(5, 2)
    together = extrapolated(central, np.full((len(NOISES), 2), np.nan))
    first = extrapolated(central[:2], np.full((len(NOISES), 2), np.nan))
    rest = extrapolated(central[2:], first[-1])
    np.testing.assert_array_equal(np.concatenate([first, rest]), together)


def rungs_of(slopes: list[float]) -> Rungs:
    slope = np.array(slopes)[:, None]
    steps = RATIO ** np.arange(len(slopes))[:, None]
    still = np.zeros(slope.shape, bool)
    return Rungs(steps, slope, np.abs(slope), still, np.full(slope.shape, 1e-6))


def test_a_climb_ends_where_neighbors_disagree_after_a_plateau() -> None:
    climbs = Climbs(1)
    climbs.add(rungs_of([1.0, 1.0, 1.0, 2.0, 1.0]), np.array([np.inf]))
    assert not climbs.goes_on[0, 0]
    assert climbs.value[0, 0] == 1.0


def test_no_rung_above_the_highest_step_is_climbed() -> None:
    climbs = Climbs(1)
    climbs.add(rungs_of([1.0, 1.0, 1.0, 2.0]), np.array([RATIO**2 * 1.01]))
    assert climbs.goes_on[0, 0]
    assert climbs.slopes().value == 1.0


def test_some_directions_climb_while_others_stay() -> None:
    climbs, which = Climbs(3), np.array([2])
    part = climbs.of(which)
    part.add(rungs_of([5.0, 5.0, 5.0]), np.array([np.inf]))
    climbs.put(which, part)
    assert np.isnan(climbs.value[0]).tolist() == [True, True, False]
    assert climbs.value[0, 2] == 5.0
