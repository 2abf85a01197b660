"""A check keeps within its budget, and says what it left out."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, Report, check
from capstone.gradcheck.budget import Budget
from unit.gradcheck.samples import draw, product_bwd, product_fwd, sin_bwd, sin_fwd

SIN = Op(sin_fwd, sin_bwd)
ABS3 = Op(lambda x: (np.abs(x) ** 3, x), lambda dy, x: 3 * dy * x * np.abs(x), name="abs3")


def left_out(report: Report) -> list[str]:
    return [warning for warning in report.warnings if "the budget was spent" in warning]


@pytest.mark.parametrize("limit", [0, -1, 0.0, True, "2", float("nan")])
def test_a_limit_is_a_positive_number(limit) -> None:
    with pytest.raises(UsageError, match=r"^check: budget must be a positive number: expected"):
        check(SIN, draw(3), budget=limit)


def test_whole_numbers_count_forwards_and_others_seconds() -> None:
    assert Budget(10).left(4) == 6
    assert 9 < Budget(10.0).left(4) <= 10
    assert Budget(None).left(10**9) == float("inf")


def test_a_large_budget_compares_every_entry_and_leaves_nothing_out() -> None:
    report = check(SIN, draw(30, 7), budget=1000)
    assert (report.ok, report.depth, left_out(report)) == (True, "per_entry", [])


def test_a_small_budget_projects() -> None:
    """210 entries by some 50 forwards each, one at a time, would take 10,000."""

    def forward(x):
        return float(np.sum(np.abs(x) ** 3)) * np.ones(1), x

    def backward(dy, x):
        return 3 * dy * x * np.abs(x)

    report = check(Op(forward, backward), draw(30, 7), budget=2000)
    assert (report.ok, report.depth) == (True, "projection")
    assert report.forwards <= 2000


def test_rules_that_are_not_reached_are_named() -> None:
    report = check(SIN, draw(3, 4), budget=1)
    assert report.ok
    assert left_out(report)[0].startswith("the budget was spent before these rules: repeat, saved,")


def test_a_gradient_that_is_not_reached_is_not_right() -> None:
    op = Op(lambda a, b: (np.abs(a) * b, (a, b)), lambda dy, s: (dy * np.sign(s[0]) * s[1], dy))
    report = check(op, draw(3), draw(3, seed=1), budget=1)
    (finding,) = report.findings
    assert (finding.rule, finding.arguments) == ("budget", ("b",))
    assert [argument.name for argument in report.arguments] == ["a"]


def test_one_call_compares_all_gradients_where_it_can() -> None:
    assert check(Op(product_fwd, product_bwd), draw(3), draw(3, seed=1), budget=1).ok


def test_a_given_depth_is_kept() -> None:
    assert check(ABS3, draw(5), depth="per_entry", budget=1).depth == "per_entry"


class Counting:
    """`|x @ w|**3` of one matrix at a time, with d(w) as a test wants it, and its forwards."""

    def __init__(self, spoil=lambda dw: dw) -> None:
        self.forwards, self.spoil = 0, spoil

    def forward(self, x, w):
        self.forwards += 1
        if x.ndim > 2 or w.ndim > 2:
            raise ValueError("one at a time")
        z = x @ w
        return np.abs(z) ** 3, (x, w, z)

    def backward(self, dy, saved):
        x, w, z = saved
        dz = dy * 3 * z * np.abs(z)
        return dz @ w.T, self.spoil(x.T @ dz)

    def check(self, **options) -> Report:
        op = Op(self.forward, self.backward, name="counting")
        return check(op, draw(5, 7), draw(7, 11, seed=1), **options)


SLACK = 5  # forwards on which the count of a budget may be behind


def test_a_given_depth_ends_with_the_budget() -> None:
    subject = Counting()
    report = subject.check(depth="per_entry", budget=300)
    assert subject.forwards <= 300 + SLACK
    assert [(f.rule, f.arguments) for f in report.findings] == [("budget", ("x", "w"))]


@pytest.mark.parametrize("budget", [600, 800, 1000])
def test_a_search_for_wrong_entries_ends_with_the_budget(budget: int) -> None:
    """The two projections take some 350 forwards, and up to 200 probes some 50 each."""
    subject = Counting(lambda dw: 2 * dw)
    report = subject.check(depth="projection", budget=budget)
    assert subject.forwards <= budget + SLACK
    assert report.wrong_arguments == ["w"]
    assert report.arguments[1].diagnosis == "not looked for: the budget was spent before"


def test_other_points_are_left_out_when_the_budget_is_spent_there() -> None:
    subject = Counting()
    report = subject.check(depth="projection", budget=500)
    assert report.ok
    assert subject.forwards <= 500 + SLACK
    assert left_out(report) == ["the budget was spent before these rules: elsewhere"]


def test_what_could_not_be_heard_is_wrong_for_the_time_being() -> None:
    op = Op(sin_fwd, lambda dy, x: 2 * dy * np.cos(x))
    report = check(op, draw(3), budget=20, depth="per_entry")
    (finding,) = report.findings
    assert "the budget was spent before noise and kinks were looked at" in finding.message
    assert report.wrong_arguments == ["x"]


def test_places_are_not_looked_for_when_the_budget_is_spent() -> None:
    report = check(Op(sin_fwd, lambda dy, x: 2 * dy * np.cos(x)), draw(3), budget=20)
    words = "the budget was spent before the place of the fault was looked for"
    assert left_out(report) == [words]


def test_measured_noise_counts() -> None:
    subject = Counting(lambda dw: 2 * dw)
    report = subject.check(depth="per_entry", locate=False)
    assert report.forwards >= subject.forwards - SLACK
