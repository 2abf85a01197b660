"""Jumps of an output are told from its curvature."""

import numpy as np
import pytest

from capstone.gradcheck import check
from capstone.gradcheck.numeric.jumps import jumps_along
from unit.gradcheck.samples import elementwise, evaluator_of

EPS = float(np.finfo(float).eps)


def gated(x):
    return x * (1 + np.tanh(x))


def gated_slope(x):
    return (1 + np.tanh(x)) + x / np.cosh(x) ** 2


def jumps_of(f, *numbers: float):
    evaluator = evaluator_of(elementwise(f, lambda x: x), np.array(numbers))
    found = jumps_along(evaluator, 0, np.eye(len(numbers)))
    return found / np.abs(evaluator.dy)


@pytest.mark.parametrize("f", [np.exp, np.sin, lambda x: 1 / (1 + x * x), lambda x: x**5])
def test_a_smooth_output_jumps_by_roundings_only(f) -> None:
    x, reach = np.array([0.3, 1.1, 2.0]), 0.4  # steps go up to a fifth of the largest number
    outputs = np.maximum(np.abs(f(x)), np.abs(f(x + reach)))
    assert (jumps_of(f, *x) <= 64 * EPS * outputs).all()


@pytest.mark.parametrize("roundings", [2, 16])
def test_jumps_of_some_roundings_show_in_their_size(roundings: int) -> None:
    step = roundings * EPS
    found = jumps_of(lambda x: np.round(x / (1e8 * step)) * step, 0.3123, 1.1234)
    assert (found >= step / 16).all()
    assert (found <= 2 * step).all()


@pytest.mark.parametrize(
    "f",
    [np.abs, lambda x: np.round(x, 3), lambda x: np.maximum(x, 1.1)],
    ids=["abs", "round", "max"],
)
def test_kinks_and_steps_are_no_jumps(f) -> None:
    assert (jumps_of(f, 1e-3, 0.3123, 1.1234) <= 128 * EPS).all()


@pytest.mark.parametrize("x", [-10.0, -12.0, -15.0])
def test_what_stands_still_for_a_long_way_is_no_false_alarm(x: float) -> None:
    report = check(
        gated, np.array([x, 0.3, -1.2]), backward=lambda dy, x: dy * gated_slope(x), method="ladder"
    )
    report.raise_if_wrong()
    assert "1 slopes of a forward pass that moves in jumps there are uncertain" in str(report)


@pytest.mark.parametrize("factor", [0.0, 1.5, 3.0, -1.0])
@pytest.mark.parametrize("x", [-8.0, -10.0, -12.0])
def test_it_excuses_nothing_larger(x: float, factor: float) -> None:
    def backward(dy, x):
        return dy * gated_slope(x) * [factor, 1, 1]

    report = check(gated, np.array([x, 0.3, -1.2]), backward=backward, method="ladder")
    assert report.arguments[0].worst == (0,)
    assert not report.ok
