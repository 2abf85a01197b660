"""The ladder against its stress families, and three simpler rules that fail where it does not."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from capstone.gradcheck.numeric.ladder import Ladder, scales
from unit.gradcheck.samples import RELU, draw, elementwise, evaluator_of

SEEDS = range(25)
EPS = float(np.finfo(float).eps)
FAMILIES = {
    "x^2 + 1e8": (lambda x: x * x + 1e8, lambda x: 2 * x, 1.0),
    "sin(1e5 x)": (lambda x: np.sin(1e5 * x), lambda x: 1e5 * np.cos(1e5 * x), 1.0),
    "sin at 1e8": (np.sin, np.cos, 1e8),
    "1e-12 x^2": (lambda x: 1e-12 * x * x, lambda x: 2e-12 * x, 1.0),
    "tiny x": (lambda x: x**3, lambda x: 3 * x * x, 1e-12),
    "exp(5 x)": (lambda x: np.exp(5 * x), lambda x: 5 * np.exp(5 * x), 1.0),
    "x^2 less its offset": (lambda x: (x + 1e4) ** 2 - 1e8, lambda x: 2 * (x + 1e4), 1.0),
}


HIDDEN = {
    "offset added and taken away": lambda x: (1e8 + x * x) - 1e8,
    "float32 inside": lambda x: (x.astype(np.float32) ** 2).astype(float),
    "float32 output": lambda x: x.astype(np.float32) ** 2,
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_forward_that_is_flat_between_jumps_has_no_slope_of_zero(name: str) -> None:
    for seed in SEEDS:
        x = np.random.default_rng(seed).uniform(0.5, 1.5, (3, 4))
        evaluator = evaluator_of(elementwise(HIDDEN[name], lambda x: 2 * x), x)
        slopes = Ladder(evaluator, np.random.default_rng(seed)).slopes({0: one_hots_of(x)})
        wanted = (evaluator.dy * 2 * x).reshape(-1)
        assert (abs(slopes.value - wanted) <= slopes.noise).all()
        assert (slopes.noise < abs(wanted)).all()


def one_hots_of(x):
    return np.eye(x.size).reshape(x.size, *x.shape)


def truth_and_slopes(f, slope, size: float, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 1.5, (3, 4)) * size
    v = rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.5, x.shape)
    evaluator = evaluator_of(elementwise(f, slope), x)
    slopes = Ladder(evaluator, rng).slopes({0: v[None]})
    return float((evaluator.dy * slope(x) * v).sum()), slopes


@pytest.mark.parametrize("family", FAMILIES)
def test_right_slope_lies_within_the_noise(family: str) -> None:
    for seed in SEEDS:
        truth, slopes = truth_and_slopes(*FAMILIES[family], seed)
        assert abs(truth - slopes.value[0]) <= slopes.noise[0]


@pytest.mark.parametrize("family", ["1e-12 x^2", "exp(5 x)", "tiny x"])
def test_error_of_one_in_a_million_lies_outside(family: str) -> None:
    for seed in SEEDS:
        truth, slopes = truth_and_slopes(*FAMILIES[family], seed)
        size = max(abs(truth), float(slopes.terms[0]))
        assert abs(truth + 1e-6 * size - slopes.value[0]) > slopes.noise[0]


def test_kink_close_by_is_not_crossed() -> None:
    evaluator = evaluator_of(RELU, np.array([1e-8, -1e-8, 1.0, -1.0]))
    slopes = Ladder(evaluator, np.random.default_rng(0)).slopes({0: np.eye(4)})
    np.testing.assert_array_less(
        np.abs(slopes.value - evaluator.dy * [1, 0, 1, 0]), slopes.noise + EPS
    )


def test_no_finite_rung_gives_nan_and_no_false_zero() -> None:
    x = np.array([1.0, 2.0])
    op = elementwise(lambda z: np.where(z == x, z, np.nan), lambda z: z)
    slopes = Ladder(evaluator_of(op, x), np.random.default_rng(0)).slopes({0: np.eye(2)})
    assert np.isnan(slopes.value).all()


def test_noise_reaches_a_slope_of_zero_where_truncation_rules_from_the_first_rung_on() -> None:
    """A product with two factors of 0 is exact: not even the smallest steps are rough."""
    x, op = np.array([0.0, 0.0, 3.0]), Op(lambda z: (np.prod(z), None), lambda dy, saved: dy)
    for seed in SEEDS:
        slopes = Ladder(evaluator_of(op, x), np.random.default_rng(seed)).slopes(
            {0: np.random.default_rng(seed).uniform(0.5, 1.5, (1, 3))}
        )
        assert abs(slopes.value[0]) <= slopes.noise[0]


def test_steps_of_subnormal_numbers_are_none() -> None:
    evaluator = evaluator_of(elementwise(lambda x: 2 * x, lambda x: 2), np.array([5e-324, 1e-310]))
    slopes = Ladder(evaluator, np.random.default_rng(0)).slopes({0: np.eye(2)})
    assert (abs(slopes.value - 2 * evaluator.dy) <= slopes.noise).all()


def test_tiny_probabilities_have_logarithms() -> None:
    x = np.array([1e-100, 1e-10, 0.5])
    evaluator = evaluator_of(elementwise(np.log, lambda x: 1 / x), x)
    slopes = Ladder(evaluator, np.random.default_rng(0)).slopes({0: np.eye(3)})
    assert (abs(slopes.value - evaluator.dy / x) <= slopes.noise + EPS * slopes.terms).all()
    assert (slopes.noise * 10**6 < slopes.terms).all()


def test_huge_outputs_have_noise_of_their_size() -> None:
    x = np.array([700.0, 1.0])
    evaluator = evaluator_of(elementwise(np.exp, np.exp), x)
    slopes = Ladder(evaluator, np.random.default_rng(0)).slopes({0: np.eye(2)})
    assert (slopes.noise * 10**6 < slopes.terms).all()


def saturated(x, gain):
    """Two weights, one of which is as good as 1, and their mean of large numbers."""
    weights = np.stack([1 / (1 + np.exp(x)), 1 / (1 + np.exp(-x))], axis=-1)  # (..., 1, 2)
    means = gain[..., None] * (weights @ np.array([[3e3], [1e3]]))  # (..., 1, 1)
    return np.concatenate([weights, means], axis=-1)  # (..., 1, 3)


def saturated_bwd(dy, x, gain):
    slope = 1 / ((1 + np.exp(x)) * (1 + np.exp(-x)))  # (1,)
    dx = (dy[:, 1] - dy[:, 0] - 2e3 * gain * dy[:, 2]) * slope  # (1,)
    return dx, dy[:, 2] * (1e3 + 2e3 / (1 + np.exp(x)))


@pytest.mark.parametrize("x", [44.0, 250.0, 650.0, -44.0, -650.0])
def test_outputs_that_move_by_less_than_a_rounding_count_beside_tiny_ones(x: float) -> None:
    point = np.array([x]), np.array([0.7])
    for seed in SEEDS:
        report = check(saturated, *point, backward=saturated_bwd, method="ladder", seed=seed)
        report.raise_if_wrong()


def test_small_entries_get_steps_of_their_own() -> None:
    value = np.array([1e-9, 1.0, 0.0])
    np.testing.assert_array_equal(scales(value, np.eye(3))[1], [1e-9, 1.0, 1.0])


def rungs(f, x: float):
    """Central differences and rounding bounds on the ladder's steps, for a number `x`."""
    steps = abs(x) * 10.0 ** np.arange(-13, -0.9, 0.5)
    slopes = (f(x + steps) - f(x - steps)) / (2 * steps)
    bounds = 8 * EPS * (abs(f(x)) + abs(slopes * x)) / steps
    return slopes, bounds


def smallest_richardson_error(f, x: float):
    slopes, bounds = rungs(f, x)
    total = np.abs(np.diff(slopes)) + bounds[1:]
    return slopes[1:][np.argmin(total)], total.min()


def intersected_intervals(f, x: float):
    slopes, bounds = rungs(f, x)
    low, high = -np.inf, np.inf
    for slope, bound in zip(slopes, bounds, strict=True):
        if slope - bound > high or slope + bound < low:
            break
        low, high = max(low, slope - bound), min(high, slope + bound)
    return (low + high) / 2, (high - low) / 2


def end_of_the_plateau(f, x: float):
    slopes, bounds = rungs(f, x)
    last = 0
    while last + 1 < len(slopes) and (
        abs(slopes[last + 1] - slopes[last]) <= bounds[last] + bounds[last + 1]
    ):
        last += 1
    return slopes[last], bounds[last]


SIMPLER = [smallest_richardson_error, intersected_intervals, end_of_the_plateau]


# what the rules are tried on: functions with their slopes, and the point
DRAWN = [
    (*FAMILIES[name][:2], float(x))
    for name in ("sin(1e5 x)", "exp(5 x)")
    for x in np.random.default_rng(0).uniform(0.5, 1.5, 200)
]


@pytest.mark.parametrize("rule", SIMPLER)
def test_a_simpler_rule_raises_false_alarms(rule) -> None:
    values = [(*rule(f, x), slope(x)) for f, slope, x in DRAWN]
    assert any(abs(value - truth) > bound for value, bound, truth in values)


def test_the_ladder_raises_no_false_alarm_where_simpler_rules_do() -> None:
    for f, slope, x in DRAWN:
        evaluator = evaluator_of(elementwise(f, slope), np.array([x]))
        slopes = Ladder(evaluator, np.random.default_rng(0)).slopes({0: np.ones((1, 1))})
        assert abs(evaluator.dy[0] * slope(x) - slopes.value[0]) <= slopes.noise[0]


def test_forwards_do_not_grow_with_the_number_of_entries() -> None:
    counts = []
    for n in (3, 300):
        evaluator = evaluator_of(elementwise(np.sin, np.cos), 1 + abs(draw(n)))
        Ladder(evaluator, np.random.default_rng(0)).slopes({0: np.ones((1, n))})
        counts.append(evaluator.forwards)
    assert counts[1] <= counts[0] + 2
