"""Hard cases in which it is not the verdict on one subject that matters, but what is said."""

import numpy as np
import pytest

from capstone.gradcheck import Report, check
from capstone.gradcheck.numeric.probes import signed
from unit.gradcheck.hard_cases.hard_cases_of_numbers import ROOT
from unit.gradcheck.hard_cases.hard_cases_of_shapes import X, one_entry, tiled_bwd
from unit.gradcheck.hard_cases.hard_cases_of_state import (
    IGNORING,
    plain_mean_bwd,
    softmax_with,
    unordered,
)
from unit.gradcheck.hard_cases.hard_row import draw, elementwise, op, softmax_bwd

PLANTED = elementwise(np.sin, lambda x: np.cos(x) * (1 + 1e-6))


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize(
    "backward", [softmax_bwd, plain_mean_bwd, lambda dy, y: -dy * 0], ids=["right", "mean", "zero"]
)
def test_15_an_upstream_of_ones_shows_nothing_and_is_not_green(backward) -> None:
    report = check(softmax_with(backward), X, upstream=np.ones((3, 5)))
    assert not report.ok
    assert rules(report) & {"vacuous", "linearity", "zero"}


def test_17_an_ignored_upstream_of_one_is_not_linear() -> None:
    assert "linearity" in rules(check(IGNORING, X, upstream=1.0))


def test_40_sums_in_another_order_are_a_warning() -> None:
    report = check(*unordered()())
    assert "sums in another order each time?" in report.warnings[-1]


def test_49_a_forward_that_is_consistently_wrong_is_for_an_oracle_to_find() -> None:
    """The backward pass fits it: that is all that is claimed."""
    variance_of_all_but_one = op(
        lambda x: x.var(axis=-1, ddof=1),
        lambda dy, x: dy[..., None] * 2 * (x - x.mean(axis=-1, keepdims=True)) / (x.shape[-1] - 1),
    )
    check(variance_of_all_but_one, X).raise_if_wrong()


def test_51_a_constant_function_shows_nothing() -> None:
    constant = op(lambda x: np.ones(2) + 0 * x[:2], lambda dy, x: 0 * x)
    assert "vacuous" in rules(check(constant, draw(4)))


def test_52_an_infinite_derivative_at_the_edge_is_not_green() -> None:
    report = check(ROOT, np.array([0.0, 1.0]))
    assert report.wrong_arguments == ["x"]
    assert report.arguments[0].worst == (0,)


def test_57_no_direction_is_blind_to_an_entry() -> None:
    sizes = np.abs(signed(np.random.default_rng(0), (100, 100), np.dtype(float)))
    assert sizes.min() >= 0.5
    assert sizes.max() <= 1.5
    for seed in range(10):
        report = check(
            one_entry(1e-6), draw(4, 50), draw(50, 60, seed=1), depth="projection", seed=seed
        )
        assert report.arguments[1].worst == (12, 57)


@pytest.mark.parametrize("method", ["complex", "ladder"])
@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_58_methods_that_share_nothing_find_the_same_error(method: str, depth: str) -> None:
    report = check(PLANTED, X, method=method, depth=depth)
    assert report.wrong_arguments == ["x"]
    check(elementwise(np.sin, np.cos), X, method=method, depth=depth).raise_if_wrong()


def test_59_every_seed_looks_from_another_side_and_is_told() -> None:
    reports = [check(PLANTED, X, seed=seed, depth="projection") for seed in (1, 2, 1)]
    first, other, again = [report.arguments[0].numeric for report in reports]
    assert first == again != other
    assert reports[1].seed == 2


def test_60_whole_tiles_hide_nothing_as_batches_are_split() -> None:
    report = check(op(np.sin, tiled_bwd), draw(8, 3))
    assert rules(report) == {"batch"}
