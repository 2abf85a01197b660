"""Slopes to one side, and jumps of the slope at the point itself."""

import numpy as np
import pytest

import tolerances
from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.numeric.one_sided import OneSided, kinks
from unit.gradcheck.samples import ABS, RELU, elementwise, evaluator_of


def at(op, *numbers: float):
    return evaluator_of(op, np.array(numbers))


def kinks_of(evaluator):
    """Of each entry of the only argument."""
    ladder = Ladder(evaluator, np.random.default_rng(0))
    return kinks(ladder, 0, np.eye(evaluator.values[0].size))


def test_each_side_has_the_slope_that_holds_there() -> None:
    evaluator = at(ABS, 0.0, 1.0)
    ladder = OneSided(evaluator, np.random.default_rng(0))
    right = ladder.toward(1.0).slopes({0: np.eye(2)})
    left = ladder.toward(-1.0).slopes({0: np.eye(2)})
    np.testing.assert_array_less(np.abs(right.value - evaluator.dy), right.noise)
    np.testing.assert_array_less(np.abs(left.value - evaluator.dy * [-1, 1]), left.noise)


def test_an_edge_has_a_slope_on_the_side_that_exists() -> None:
    op = elementwise(lambda x: np.sqrt(1 - x) ** 3, lambda x: x)
    evaluator = at(op, 1.0, 0.5)
    ladder = OneSided(evaluator, np.random.default_rng(0))
    assert np.isnan(ladder.toward(1.0).slopes({0: np.eye(2)}).value[0])
    left = ladder.toward(-1.0).slopes({0: np.eye(2)})
    assert abs(left.value[0]) <= left.noise[0]


def test_a_kink_at_the_point_reaches_half_its_jump() -> None:
    evaluator = at(RELU, 0.0, 1.0, -1.0)
    found = kinks_of(evaluator)
    rtol = tolerances.ONE_SIDED
    np.testing.assert_allclose(found.radius, [abs(evaluator.dy[0]) / 2, 0, 0], rtol=rtol)
    slopes = found.left[0], found.right[0]
    np.testing.assert_allclose(slopes, [0, evaluator.dy[0]], rtol=rtol, atol=rtol)
    assert found.within[0] < tolerances.NEAR_KINK
    assert np.isinf(found.within[1:]).all()


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_a_kink_beside_the_point_is_none_at_the_point(distance: float) -> None:
    assert not kinks_of(at(RELU, distance, 1.0)).radius.any()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.exp(5 * x),
        lambda x: np.sin(1e4 * x),
        lambda x: (x + 1e6) ** 2 - 1e12,
        lambda x: x.astype(np.float32) ** 2,
        lambda x: np.where(x > 1, 2.0, 1.0) + x,
    ],
    ids=["curved", "wavy", "rough", "coarse", "jump"],
)
def test_what_is_no_kink_has_no_reach(f) -> None:
    evaluator = at(elementwise(f, lambda x: x), 1.0, 0.3)
    assert not kinks_of(evaluator).radius.any()


def test_the_rounding_of_an_output_that_cancels_is_no_kink() -> None:
    op = elementwise(lambda x: (np.exp(x / 4) + x) + (x * x - np.exp(x / 4)), lambda x: x)
    for seed in range(50):
        x = 1e-3 * np.random.default_rng(seed).standard_normal(9)
        assert not kinks_of(evaluator_of(op, x)).radius.any()


def test_outputs_choose_for_themselves() -> None:
    """The radius adds up, although the two jumps cancel in `<dy, y>`."""
    op = elementwise(lambda x: np.stack([np.abs(x), np.abs(x)]), lambda x: x)
    evaluator = at(op, 0.0)
    evaluator.dy = np.array([[1.0], [-1.0]])
    np.testing.assert_allclose(kinks_of(evaluator).radius, 2.0, rtol=tolerances.ONE_SIDED)


def normalized_far_from_zero(x):
    h = np.tanh(x) + 1e3
    centered = h - h.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered * centered).mean(axis=-1, keepdims=True) + 1e-5)


def test_equal_slopes_are_no_kink() -> None:
    op = elementwise(normalized_far_from_zero, lambda x: x)
    for seed in range(12):
        x = 1e-3 * np.random.default_rng(seed).standard_normal(5)
        assert not kinks_of(evaluator_of(op, x)).radius.any()


def test_a_kink_beside_a_large_offset_is_within_the_step_that_shows_it() -> None:
    found = kinks_of(at(elementwise(lambda x: np.where(x > 0, x, 0) + 1e6, lambda x: x), 0.0))
    assert found.radius[0] > 0
    assert np.isfinite(found.within[0])
