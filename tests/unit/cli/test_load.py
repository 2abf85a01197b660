"""Arrays that a command line describes by their shapes."""

import numpy as np
import pytest

from capstone.cli.load import make_input
from capstone.errors import UsageError


def make(words):
    return make_input("test", words, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("words", "shape"), [("2,3", (2, 3)), ("5", (5,)), ("5,", (5,)), ("", ()), ("2, 0", (2, 0))]
)
def test_a_shape_gives_signed_numbers(words, shape):
    array = make(words)
    assert (array.shape, array.dtype) == (shape, np.float64)
    assert (np.abs(array) >= 0.5).all()


def test_a_limit_gives_integers_below_it():
    array = make("40,5<7")
    assert array.shape == (40, 5)
    assert set(array.ravel().tolist()) == set(range(7))


@pytest.mark.parametrize(
    "words", ["a", "2,b", "-1,2", "2,,3", "2.5", "3<", "3<0", "3<-1", "3<x", "<", "9999999999,9"]
)
def test_anything_else_is_refused(words):
    expected = "test: --input must be a shape: expected 2,8,16 or, for integers below 7, 2,5<7, got"
    with pytest.raises(UsageError, match=expected):
        make(words)
