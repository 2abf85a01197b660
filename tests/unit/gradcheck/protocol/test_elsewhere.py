"""Other points: domains that must not be left, and entries that may hold garbage."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from unit.gradcheck.samples import rules

X = np.array([0.1, 0.2, 3.0, 4.0])


def tail_fwd(x):
    return x[..., 1:] ** 2, x


def tail_bwd(dy, x):
    return np.concatenate([[0.0], 2 * dy * x[1:]])


def noticing(dy, x):
    return tail_bwd(dy, x) + np.eye(4)[0] * (abs(x[0]) > 100)


def failing(dy, x):
    return tail_bwd(dy, x) if abs(x[0]) < 100 else None


def test_ignored_entries_may_hold_garbage() -> None:
    check(Op(tail_fwd, tail_bwd), X).raise_if_wrong()


@pytest.mark.parametrize("backward", [noticing, failing])
@pytest.mark.parametrize("method", ["auto", "ladder"])
def test_backward_that_notices_garbage_is_named(backward, method: str) -> None:
    assert rules(check(Op(tail_fwd, backward), X, method=method)) == {"ignored"}


def test_garbage_outside_the_domain_is_no_garbage() -> None:
    """The complex step goes along a branch of (-1000) ** y; real numbers do not."""

    def forward(x, y):
        return x**y, (x, y)

    def backward(dy, saved):
        x, y = saved
        return dy * y * x ** (y - 1), dy * x**y * np.log(x)

    for seed in range(10):
        x, y = np.array([1.5, 2.0, 3.0]), np.array([0.0, 2.0, 3.0])
        check(Op(forward, backward), x, y, seed=seed).raise_if_wrong()


def test_second_point_stays_inside_the_domain() -> None:
    def forward(a, b):
        return np.log(a - b), (a, b)

    def backward(dy, saved):
        a, b = saved
        return dy / (a - b), -dy / (a - b)

    for seed in range(10):
        inputs = np.array([2.0, 5.0, 9.0]), np.array([1.0, 4.0, 8.0])
        check(Op(forward, backward), *inputs, seed=seed).raise_if_wrong()


def test_point_without_neighbors_fails_and_says_so() -> None:
    x = np.array([1.0, 2.0])
    op = Op(lambda z: (np.where(z == x, z, np.nan), z), lambda dy, z: 7 * dy)
    report = check(op, x, method="ladder")
    assert report.arguments[0].diagnosis.startswith("no derivative to compare with")
