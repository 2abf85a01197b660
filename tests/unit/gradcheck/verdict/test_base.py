"""The base pass: what cannot be compared is a finding or a refusal, never a traceback."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from unit.gradcheck.samples import check_sin, draw, rules, sin_bwd

NO_OUTPUT = {
    "None": (lambda x: (None, x), "got NoneType"),
    "int": (lambda x: (3, x), "got int of int64"),
    "list": (lambda x: ([x, x], x), "got list of float64"),
    "ragged list": (lambda x: ([x, x[0]], x), "got list"),
    "complex": (lambda x: (x + 1j, x), "got ndarray of complex128"),
    "raises": (lambda x: 1 / 0, "got ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("name", NO_OUTPUT)
def test_forward_without_an_output_is_refused(name: str) -> None:
    forward, words = NO_OUTPUT[name]
    with pytest.raises(UsageError, match=re.escape(words)):
        check_sin(forward)


UPSTREAM = {
    "shape": (np.ones(3), "expected (3, 4), got (3,)"),
    "ragged": ([[1, 2], [3]], "expected finite numbers, got list"),
    "NaN": (np.full((3, 4), np.nan), "got NaN or infinity"),
    "complex": (np.ones((3, 4)) * 1j, "got complex numbers"),
    "words": ("abc", "got str"),
}


@pytest.mark.parametrize("name", UPSTREAM)
def test_bad_upstream_is_refused(name: str) -> None:
    upstream, words = UPSTREAM[name]
    with pytest.raises(UsageError, match=re.escape(words)):
        check_sin(upstream=upstream)


FOUND = {
    "nan output": (lambda x: (x * np.nan, x), sin_bwd, "finite"),
    "single return": (np.sin, sin_bwd, "contract"),
    "list for a pair": (lambda x: [np.sin(x), x], sin_bwd, "contract"),
    "too many": (None, lambda dy, x: (dy, dy), "contract"),
    "None": (None, lambda dy, x: None, "contract"),
    "shape": (None, lambda dy, x: (dy * np.cos(x))[None], "contract"),
    "dtype": (None, lambda dy, x: sin_bwd(dy, x).astype("f"), "contract"),
    "dict": (None, lambda dy, x: {"x": dy}, "contract"),
    "raises": (None, lambda dy, x: 1 / 0, "raises"),
    "ragged": (None, lambda dy, x: [[1.0, 2.0], [3.0]], "contract"),
    "writes to dy": (None, lambda dy, x: np.multiply(dy, np.cos(x), out=dy), "frozen"),
    "writes, raises": (None, lambda dy, x: (np.negative(dy, out=dy), 1 / 0), "frozen"),
    "writes to x": (lambda x: (np.sin(np.negative(x, out=x)), x), sin_bwd, "frozen"),
}


@pytest.mark.parametrize("name", FOUND)
def test_broken_pass_is_a_finding(name: str) -> None:
    forward, backward, rule = FOUND[name]
    report = check_sin(forward, backward) if forward else check_sin(backward=backward)
    assert not report.ok
    assert rule in rules(report)


def test_numbers_are_still_compared_where_dy_is_written_to() -> None:
    def backward(dy, x):
        return np.multiply(dy, 2 * np.cos(x), out=dy)

    assert check_sin(backward=backward).wrong_arguments == ["x"]


def test_numbers_are_compared_at_the_point_that_forward_first_saw() -> None:
    def forward(x):
        before = x.copy()
        x += 1
        return np.sin(before), before

    report = check_sin(forward)
    assert rules(report) == {"frozen"}
    assert report.wrong_arguments == []


def test_nan_input_is_named() -> None:
    x = draw(3, 4)
    x[1, 2] = np.nan
    report = check(Op(lambda x: (np.sin(x), x), sin_bwd), x)
    assert report.findings[0].message == "x is NaN or infinite at [1, 2]"
