"""Functions as subjects: a gradient as for scipy, a callback as in Thinc, arrays of a device."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import check
from unit.gradcheck.samples import draw, rules


def rosenbrock(x, a=1.0):
    return float(((a - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum())


def rosenbrock_gradient(x, a=1.0):
    inner = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[:-1] = -2 * (a - x[:-1]) - 400 * x[:-1] * inner
    gradient[1:] += 200 * inner
    return gradient


def with_gradient(x):
    return rosenbrock(x), rosenbrock_gradient(x)


def test_a_function_of_scipy_passes() -> None:
    report = check(rosenbrock, draw(5), gradient=rosenbrock_gradient)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x"]
    assert report.name == "rosenbrock"


def test_further_arguments_have_no_gradient() -> None:
    report = check(rosenbrock, draw(5), 0.5, gradient=rosenbrock_gradient)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x"]


def test_a_wrong_gradient_is_found() -> None:
    report = check(rosenbrock, draw(5), gradient=lambda x: rosenbrock_gradient(x) * (1 + 1e-7))
    assert report.wrong_arguments == ["x"]


def test_value_and_gradient_may_come_together() -> None:
    check(with_gradient, draw(5), gradient=True).raise_if_wrong()
    report = check(lambda x: (rosenbrock(x), x), draw(5), gradient=True)
    assert report.wrong_arguments == ["x"]


def test_a_function_of_one_number_passes() -> None:
    check(lambda x: x**3, 0.7, gradient=lambda x: 3 * x * x).raise_if_wrong()


def test_single_precision_passes() -> None:
    x = draw(5).astype(np.float32)
    check(lambda x: (x**2).sum(), x, gradient=lambda x: 2 * x).raise_if_wrong()


@pytest.mark.parametrize(
    ("function", "gradient", "words"),
    [
        (np.sin, np.cos, "a function with gradient= must return one number, got shape (5,)"),
        (rosenbrock, True, "with gradient=True it must return (number, gradient), got float"),
        (rosenbrock, lambda x: None, "d(x) is None or no array, expected shape (5,)"),
        (rosenbrock, lambda x: np.ones(4), "d(x) has shape (4,), expected (5,)"),
    ],
)
def test_what_is_no_gradient_breaks_the_contract(function, gradient, words) -> None:
    finding = check(function, draw(5), gradient=gradient).findings[0]
    assert (finding.rule, finding.message) == ("contract", words)


def test_a_gradient_must_be_a_function() -> None:
    words = "check: gradient must be a function of x, or True: expected gradient(x) -> array, got 3"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(rosenbrock, draw(5), gradient=3)


def softplus(x):
    def backprop(dy):
        return dy / (1 + np.exp(-x))

    return np.log1p(np.exp(x)), backprop


def test_a_function_that_returns_a_callback_passes() -> None:
    report = check(softplus, draw(3, 4))
    report.raise_if_wrong()
    assert report.name == "softplus"


def test_a_wrong_callback_is_found() -> None:
    assert check(lambda x: (np.sin(x), lambda dy: dy * np.sin(x)), draw(3)).wrong_arguments == ["x"]


def test_a_callback_that_keeps_the_last_call_is_found() -> None:
    latest = {}

    def sin(x):
        latest["x"] = x
        return np.sin(x), lambda dy: dy * np.cos(latest["x"])

    assert "interleave" in rules(check(sin, draw(3, 4)))
