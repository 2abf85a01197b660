"""Nothing that comes later may count, neither forward nor backward."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Report, check
from unit.gradcheck.samples import draw, rules


def later_sum(dy):
    return np.cumsum(dy[..., ::-1], axis=-1)[..., ::-1]


def check_causal(forward, backward, causal=-1) -> Report:
    return check(forward, draw(3, 5), backward=backward, causal=causal)


def test_a_running_sum_is_causal() -> None:
    assert check_causal(lambda x: np.cumsum(x, axis=-1), lambda dy, x: later_sum(dy)).ok


def test_an_output_that_sees_the_future_is_not() -> None:
    report = check_causal(
        lambda x: x + 1e-9 * x.mean(axis=-1, keepdims=True),
        lambda dy, x: dy + 1e-9 * dy.mean(axis=-1, keepdims=True),
    )
    assert rules(report) == {"causality"}
    assert "outputs before 1 of axis -1 change with what comes later" in str(report)


def test_a_gradient_that_reaches_the_future_is_found_below_the_noise_of_the_numbers() -> None:
    """A leak of 1e-12 beside 1: the ladder cannot see it."""

    def backward(dy, x):
        return later_sum(dy) * np.sign(np.ones_like(x)) + 1e-12 * dy.mean(axis=-1, keepdims=True)

    def forward(x):
        return np.abs(np.cumsum(x, axis=-1) + 100) - 100

    assert check(forward, draw(3, 5), backward=backward).ok
    report = check_causal(forward, backward)
    assert rules(report) == {"causality"}
    assert "d(x): not zero from 1 of axis -1 on" in str(report)


@pytest.mark.parametrize("axis", [0, 1, -3, True, "time"])
def test_the_axis_must_be_one_of_the_output_counted_from_its_end(axis) -> None:
    with pytest.raises(UsageError, match="causal must name the axis of time: expected"):
        check_causal(lambda x: np.cumsum(x, axis=-1), lambda dy, x: later_sum(dy), axis)


def test_an_argument_must_share_it() -> None:
    with pytest.raises(UsageError, match="causal must name an axis that an argument shares"):
        check_causal(lambda x: x @ np.ones((5, 4)), lambda dy, x: dy @ np.ones((4, 5)))
