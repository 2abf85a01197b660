"""Hard cases 2 and 3: exactly at a kink and at a tie any subgradient is right, and is told."""

import re

import numpy as np
import pytest

from capstone.gradcheck import check
from unit.gradcheck.hard_cases import test_hard_cases_told
from unit.gradcheck.hard_cases.hard_cases import ROWS
from unit.gradcheck.hard_cases.hard_row import elementwise, op

AT_KINK = np.array([0.0, -1.5, 0.7, 2.0])
TIED = np.array([[2.0, 2.0, -1.0], [0.5, 1.5, 1.0]])


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize("at_zero", [0.0, 1.0, 0.25])
def test_02_a_gate_of_either_convention_is_a_subgradient(at_zero: float) -> None:
    op = elementwise(relu, lambda x: np.where(x == 0, at_zero, x > 0))
    report = check(op, AT_KINK)
    report.raise_if_wrong()
    assert any("subgradient" in warning for warning in report.warnings)


@pytest.mark.parametrize("at_zero", [-1.0, 0.3, 1.0])
def test_02_an_absolute_value_may_have_any_slope_of_its_kink(at_zero: float) -> None:
    report = check(elementwise(np.abs, lambda x: np.where(x == 0, at_zero, np.sign(x))), AT_KINK)
    report.raise_if_wrong()
    assert any("subgradient" in warning for warning in report.warnings)


@pytest.mark.parametrize("at_zero", [-0.5, 2.0])
def test_02_a_slope_beyond_both_sides_is_wrong(at_zero: float) -> None:
    report = check(elementwise(relu, lambda x: np.where(x == 0, at_zero, x > 0)), AT_KINK)
    assert report.wrong_arguments == ["x"]
    assert report.arguments[0].worst == (0,)


def row_max_bwd(first: float, second: float):
    """Shares of the two entries that may be tied."""

    def backward(dy, x):
        is_top = x == x.max(axis=-1, keepdims=True)
        is_tied = is_top.sum(axis=-1, keepdims=True) > 1
        share = np.where(np.arange(x.shape[-1]) == 0, first, second)
        return dy[..., None] * np.where(is_top & is_tied, share, is_top)

    return op(lambda x: x.max(axis=-1), backward)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.25, 0.75), (0.0, 1.0)])
def test_03_a_tie_may_be_broken_or_shared(shares: tuple[float, float]) -> None:
    report = check(row_max_bwd(*shares), TIED)
    report.raise_if_wrong()
    assert any("subgradient" in warning for warning in report.warnings)


def test_03_the_mean_of_both_sides_is_what_differences_say() -> None:
    check(row_max_bwd(0.5, 0.5), TIED).raise_if_wrong()
    half = elementwise(relu, lambda x: np.where(x == 0, 0.5, x > 0))
    check(half, AT_KINK).raise_if_wrong()


def test_03_a_tie_does_not_pay_twice() -> None:
    assert not check(row_max_bwd(1.0, 1.0), TIED).ok


@pytest.mark.parametrize("shares", [(2.0, 0.0), (-0.5, 0.5)])
def test_03_a_share_beyond_both_sides_is_wrong(shares: tuple[float, float]) -> None:
    assert check(row_max_bwd(*shares), TIED).wrong_arguments == ["x0"]


def test_all_sixty_hard_cases_are_here() -> None:
    own = [*globals(), *vars(test_hard_cases_told)]
    told = {int(match[1]) for name in own if (match := re.match(r"test_(\d\d)_", name))}
    assert {row.number for row in ROWS} | told == set(range(1, 61))
