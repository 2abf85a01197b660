"""The contract of a gradient: an array of the shape and dtype of its argument."""

import contextlib
import itertools

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.gradcheck.protocol.passes import UNORDERED, is_near
from unit.gradcheck.samples import check_sin, draw, product_fwd, rules, sin_bwd

EPS = float(np.finfo(float).eps)
CONTRACT = {
    "d(x) is None or no array, expected shape (3, 4)": lambda dy, x: None,
    "d(x) has shape (4, 3), expected (3, 4)": lambda dy, x: sin_bwd(dy, x).T,
    "d(x) has dtype float32, expected float64": lambda dy, x: sin_bwd(dy, x).astype("f"),
    "d(x) has dtype complex128, expected float64": lambda dy, x: sin_bwd(dy, x) + 0j,
    "backward must return one gradient for each of x: expected 1, got 2": lambda dy, x: (dy, dy),
}


@pytest.mark.parametrize("words", CONTRACT)
def test_broken_contract_is_told(words: str) -> None:
    (finding, *_) = check_sin(backward=CONTRACT[words]).findings
    assert (finding.rule, finding.message) == ("contract", words)


def test_nearness_is_relative_to_the_size() -> None:
    x = np.array([1.0, 2.0])
    assert is_near(x, x * (1 + 4 * EPS), 2.0, 0.0)
    assert not is_near(x, x * (1 + 1e-9), 2.0, 0.0)
    assert is_near(x, x * (1 + 1e-9), 2.0, 1e-8)
    assert not is_near(x, x[:1], 2.0, 1.0)
    assert not is_near(x, x * np.nan, 2.0, 1.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_another_order_of_sums_is_no_change_but_in_half_precision(dtype: type) -> None:
    def backward(dy, saved):
        a, b = saved
        down = rng.permutation(len(dy))
        return dy * b, (dy * a)[down].sum(axis=0)

    rng = np.random.default_rng(0)
    arrays = draw(40, 3).astype(dtype), (2 + draw(3, seed=1)).astype(dtype)
    report = check(Op(product_fwd, backward), *arrays)
    assert report.ok == (dtype != np.float16)
    if report.ok:
        assert UNORDERED in report.warnings
    else:
        assert "repeat" in rules(report)


def test_more_than_rounding_is_a_change() -> None:
    calls = []

    def backward(dy, x):
        calls.append(None)
        return sin_bwd(dy, x) * (1 + 1e-12 * (len(calls) > 1))

    assert "repeat" in rules(check_sin(backward=backward))


@pytest.mark.parametrize("period", [2, 3, 4, 5])
def test_an_output_that_differs_now_and_then_is_found_whenever_that_is(period: int) -> None:
    for phase in range(period):
        outputs = itertools.cycle([*[0.0] * (period - 1), np.inf])
        for _ in range(phase):
            next(outputs)

        with contextlib.suppress(UsageError):  # an infinity at first is refused
            assert not check_sin(forward=lambda x, more=outputs: (np.sin(x) + next(more), x)).ok
