"""The contract of a gradient: an array of the shape and dtype of its argument."""

import numpy as np
import pytest

from capstone.gradcheck.protocol.passes import is_near
from unit.gradcheck.samples import check_sin, sin_bwd

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
