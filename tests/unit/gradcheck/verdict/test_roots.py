"""At a root in the curvature the limit of the differences is the truth, and excuses no error."""

import numpy as np
import pytest

from capstone.gradcheck import Report, check

X = np.array([0.0, 1.0, 2.0])


def check_power(power: float, error: float = 0.0, **options) -> Report:
    """`x**power`, which is defined on one side only, with an error in the gradient at 0."""

    def backward(dy, x):
        return dy * (power * x ** (power - 1) + error * (x == 0))

    options = {"depth": "per_entry", "x": X, **options}
    return check(lambda x: x**power, options.pop("x"), backward=backward, **options)


@pytest.mark.parametrize("power", [1.1, 1.25, 1.5, 1.75, 2.5])
def test_a_power_with_infinite_curvature_at_the_edge_of_its_domain_is_right(power: float) -> None:
    for seed in range(5):
        check_power(power, seed=seed).raise_if_wrong()


def test_what_is_in_doubt_is_said() -> None:
    said = "\n".join(check_power(1.5).warnings)
    assert "d(x): differences approach some slopes like a root of the step" in said


@pytest.mark.parametrize("error", [1e-3, -1e-3, 1e-5, 1.0, -1.0])
def test_an_error_at_a_root_is_found(error: float) -> None:
    assert check_power(1.5, error).arguments[0].worst == (0,)


@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_at_a_root_alone_nothing_but_zero_is_seen(depth: str) -> None:
    report = check_power(1.5, x=np.zeros(1), depth=depth)
    assert [finding.rule for finding in report.findings] == ["vacuous"]
    assert not report.wrong_arguments


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-3])
def test_within_the_domain_central_differences_have_a_limit_too(factor: float) -> None:
    def forward(x):
        return x + x * np.sqrt(np.abs(x))

    def backward(dy, x):
        return dy * (1 + 1.5 * np.sqrt(np.abs(x))) * np.where(x == 0, factor, 1)

    report = check(forward, X, backward=backward, method="ladder")
    assert report.ok == (factor == 1)
