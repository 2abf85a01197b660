"""A second hearing: kinks and edges are no mistakes, and excuse none."""

import numpy as np
import pytest

from capstone.gradcheck import Op, Report, check
from capstone.gradcheck.budget import Budget
from capstone.gradcheck.numeric.evaluator import Evaluator, Slopes
from capstone.gradcheck.verdict.base import Base
from capstone.gradcheck.verdict.compare import compare_entries
from capstone.gradcheck.verdict.hearing import Hearing
from unit.gradcheck.samples import evaluator_of

X = np.array([[0.0, 1.0, -2.0], [3.0, 0.0, -1.0]])
TIED = np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 3.0]])


def relu(x):
    return np.maximum(x, 0)


def check_relu(at_kink: float, **options) -> Report:
    def backward(dy, x):
        return dy * np.where(x > 0, 1.0, np.where(x == 0, at_kink, 0.0))

    return check(relu, X, backward=backward, **options)


def check_max(share, **options) -> Report:
    def backward(dy, x):
        return dy[:, None] * share(x == x.max(axis=-1, keepdims=True))

    return check(lambda x: x.max(axis=-1), TIED, backward=backward, **options)


def said(report: Report) -> str:
    return "\n".join(report.warnings)


@pytest.mark.parametrize("depth", ["per_entry", "projection"])
@pytest.mark.parametrize("at_kink", [0.0, 0.5, 1.0])
def test_a_subgradient_is_right(at_kink: float, depth: str) -> None:
    assert check_relu(at_kink, depth=depth).ok


def test_a_subgradient_is_called_one_with_its_distance() -> None:
    assert "d(x)[0, 0] is a subgradient: a kink lies within 3e-12" in said(check_relu(0.0))


@pytest.mark.parametrize("at_kink", [-0.01, 1.01])
def test_what_lies_outside_of_both_slopes_is_wrong(at_kink: float) -> None:
    report = check_relu(at_kink)
    assert report.arguments[0].wrong == 2
    assert "is no subgradient" in said(report)


def test_a_kink_excuses_no_other_entry() -> None:
    def backward(dy, x):
        return dy * (x > 0) * [[1, 1, 1], [1 + 1e-9, 1, 1]]

    assert check(relu, X, backward=backward).arguments[0].worst == (1, 0)


def check_projected_relu(backward, **options) -> Report:
    x = np.where(np.arange(60) < 30, 0.0, 1 + np.arange(60))
    return check(relu, x, backward=backward, depth="projection", **options)


def test_kinks_along_a_projection_excuse_no_other_entry() -> None:
    def backward(dy, x):
        return dy * (x > 0) * np.where(np.arange(60) == 50, 1.01, 1)

    for seed in range(5):
        assert check_projected_relu(backward, seed=seed).wrong_arguments == ["x"]


def test_subgradients_along_a_projection_are_right() -> None:
    for seed in range(5):
        assert check_projected_relu(lambda dy, x: dy * (x >= 0), seed=seed).ok


def test_what_kinks_hide_along_a_projection_is_said() -> None:
    def total(x):
        return np.sum(relu(x))

    x = np.where(np.arange(60) < 30, 0.0, 1.0)
    report = check(total, x, backward=lambda dy, x: dy * (x > 0), depth="projection")
    assert report.ok
    assert "d(x): errors as large as its kinks hide" in said(report)


@pytest.mark.parametrize(
    "share",
    [lambda m: m / m.sum(axis=-1, keepdims=True), lambda m: m & (m.cumsum(axis=-1) == 1)],
    ids=["evenly", "to the first"],
)
def test_a_tie_may_share_as_it_likes(share) -> None:
    assert check_max(share).ok


def test_a_tie_that_pays_twice_is_wrong() -> None:
    report = check_max(lambda m: m)
    assert report.arguments[0].wrong == 4
    assert "does a tie pay twice?" in said(report)


def with_edge(x):
    if (x < 0).any() or (x > 1).any():
        raise ValueError("outside of the domain")
    return np.sqrt(1 - x * x) ** 3


def check_edge(factor: float) -> Report:
    def backward(dy, x):
        return dy * -3 * x * np.sqrt(1 - x * x) * [1, 1, factor]

    return check(with_edge, np.array([0.0, 1.0, 0.5]), backward=backward)


def test_at_the_edge_of_the_domain_one_side_decides() -> None:
    report = check_edge(1.0)
    assert report.ok
    assert "2 slopes are those to one side, at the edge of the domain" in said(report)


def test_an_edge_excuses_nothing() -> None:
    assert check_edge(1.001).arguments[0].worst == (2,)


def test_a_forward_that_fails_all_around_has_no_derivative() -> None:
    def forward(x):
        return np.where(x == 1.0, x, np.nan)

    report = check(forward, np.ones(2), backward=lambda dy, x: dy)
    assert not report.ok
    assert "no derivative" in report.arguments[0].diagnosis


def test_a_gradient_of_lower_precision_inside_is_excused_with_a_warning() -> None:
    def backward(dy, x):
        return (dy * np.cos(x)).astype(np.float16).astype(x.dtype)

    x = np.random.default_rng(3).standard_normal((3, 4)).astype(np.float32)
    report = check(np.sin, x, backward=backward)
    assert report.detection_floor > np.finfo(np.float16).eps
    assert "d(x) jumps when its inputs move by one rounding" in said(report)


class Scattered:
    """Slopes of `x * x` that are off by a thousandth anywhere but at a point, and say how much."""

    name = "scattered"

    def __init__(self, evaluator: Evaluator, point, doubt: float) -> None:
        self.evaluator, self.is_there = evaluator, np.array_equal(evaluator.values[0], point)
        self.doubt = 1e-8 if self.is_there else doubt

    def slopes(self, directions) -> Slopes:
        truth = directions[0] @ (2 * self.evaluator.values[0] * self.evaluator.dy)  # (P,)
        value = truth if self.is_there else truth + 1e-3
        return Slopes(value, 0 * truth + self.doubt, np.abs(truth), truth == 0)


def heard(error: float, doubt: float):
    """Whether each entry is wrong in the end, of a gradient with an error in the first."""
    x = np.array([1.0, 2.0, 3.0])
    op = Op(lambda x: (x * x, x), lambda dy, x: dy * 2 * x + [error, 0, 0])
    evaluator = evaluator_of(op, x)

    def method(there: Evaluator) -> Scattered:
        return Scattered(there, x, doubt)

    def evaluator_at(values) -> Evaluator:
        return Evaluator(evaluator.subject, values, evaluator.dy)

    gradient = 2 * x * evaluator.dy + [error, 0, 0]
    argument, numeric = evaluator.subject.arguments[0], method(evaluator)
    comparison = compare_entries(argument, 0, gradient, numeric, evaluator)
    rng = np.random.default_rng(0)
    hearing = Hearing(evaluator.subject, rng, [], method, evaluator_at, Budget(None))
    base = Base([x], evaluator.dy, [gradient], False)
    return hearing.judge(comparison, 0, base, numeric).is_wrong.tolist()


def test_numeric_derivatives_that_scatter_more_than_they_say_are_rougher_than_they_say() -> None:
    assert heard(1e-6, doubt=1e-8) == [False, False, False]


def test_what_a_sample_is_uncertain_of_itself_excuses_nothing() -> None:
    assert heard(1e-6, doubt=2e-3) == [True, False, False]


@pytest.mark.parametrize("method", ["complex", "ladder"])
def test_a_forward_that_adds_and_takes_away_its_input_is_as_rough_as_that(method: str) -> None:
    def forward(x):
        return x + (x * x - x)

    for seed in range(20):
        x = 1e-3 * np.random.default_rng(seed).standard_normal((3, 3))
        report = check(forward, x, backward=lambda dy, x: 2 * dy * x, method=method, seed=seed)
        report.raise_if_wrong()
