"""Layouts, batches and empty arrays: a subject that minds them is named, another passes."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from unit.gradcheck.samples import check_sin, draw, rules, sin_bwd, sin_fwd


def only_contiguous(dy, x):
    return sin_bwd(dy, x) if x.flags.c_contiguous else 2 * sin_bwd(dy, x)


def only_full_batches(dy, x):
    return sin_bwd(dy, x) if len(x) > 1 else 2 * sin_bwd(dy, x)


def never_empty(dy, x):
    return sin_bwd(dy, x) + 0 * x.max()


@pytest.mark.parametrize(
    ("rule", "backward"),
    [("layout", only_contiguous), ("batch", only_full_batches), ("empty", never_empty)],
)
def test_bad_backward_is_named(rule: str, backward) -> None:
    report = check_sin(backward=backward)
    assert rules(report) == {rule}
    assert report.wrong_arguments == []


@pytest.mark.parametrize("x", [draw(3, 4), draw(4), np.float64(0.3)], ids=["matrix", "row", "0-d"])
def test_good_backward_passes_in_every_arrangement(x) -> None:
    check(Op(sin_fwd, sin_bwd), x).raise_if_wrong()


def test_forward_that_refuses_empty_batches_is_not_blamed() -> None:
    def forward(x):
        return np.sin(x) + 0 * x.max(), x

    check_sin(forward, never_empty).raise_if_wrong()
