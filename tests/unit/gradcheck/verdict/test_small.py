"""Slopes that are tiny beside the outputs, and what the complex step leaves of a third power."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from unit.gradcheck.samples import draw, elementwise, rules

TANH = elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)


def softmax(x):
    exponentials = np.exp(x - x.real.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def softmax_bwd(dy, x):
    y = softmax(x)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def test_a_third_power_at_zero_is_zero_which_shows_nothing() -> None:
    cube = elementwise(lambda x: x**3, lambda x: 3 * x * x)
    assert rules(check(cube, np.zeros(3))) == {"vacuous"}


def test_a_gradient_as_small_as_what_a_third_power_leaves_is_compared() -> None:
    slope = 1e-120
    check(elementwise(lambda x: slope * x, lambda x: slope + 0 * x), draw(3)).raise_if_wrong()
    assert not check(elementwise(lambda x: slope * x, lambda x: 2 * slope + 0 * x), draw(3)).ok


def test_saturated_values_beside_moderate_ones_are_not_wrong() -> None:
    check(TANH, np.array([1.0, 2.0, 18.0, -25.0])).raise_if_wrong()


@pytest.mark.parametrize("x", [[30.0, 40.0, -50.0], [15.0, 18.0, 19.0]])
def test_a_saturated_value_that_is_computed_anew_is_not_wrong(x: list[float]) -> None:
    report = check(TANH, np.array(x))
    assert report.ok or rules(report) == {"vacuous"}
    assert any("beside the outputs" in w or "lost in rounding" in w for w in report.warnings)


@pytest.mark.parametrize("method", ["auto", "ladder"])
@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_a_saturated_softmax_is_neither_wrong_nor_nonlinear(method: str, depth: str) -> None:
    op = Op(lambda x: (softmax(x), x), softmax_bwd)
    for seed in range(20):
        x = 30 * np.random.default_rng(seed).standard_normal((1, 4))
        report = check(op, x, seed=seed, method=method, depth=depth)
        assert report.ok or rules(report) == {"vacuous"}, str(report)


@pytest.mark.parametrize("error", [1e-10, 1e-3, 1.0])
def test_an_error_above_the_rounding_of_the_outputs_is_found_in_a_tiny_slope(error: float) -> None:
    x = np.array([1.0, -0.5, 9.0])  # whose slope is 6e-8

    def slope(x):
        right = 1 - np.tanh(x) ** 2
        right[2] += error * 1e-3
        return right

    assert not check(elementwise(np.tanh, slope), x).ok
