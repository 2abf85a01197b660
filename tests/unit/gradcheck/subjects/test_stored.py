"""Inputs that travel; those of PyTorch and JAX are tried in the oracle suite."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck.subjects.stored import store


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "bool"])
def test_arrays_come_back_with_their_dtype(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = store(array).restore()
    assert back.dtype == dtype
    assert np.array_equal(back, array)


@pytest.mark.parametrize("plain", [3, -0.5, True, "mean", None])
def test_plain_values_come_back(plain):
    stored = store(plain)
    assert stored.array is None
    assert stored.restore() is plain


def test_what_comes_back_is_a_copy():
    array = np.ones(3)
    stored = store(array)
    array[:] = 2
    stored.restore()[:] = 3
    assert np.array_equal(stored.restore(), np.ones(3))


def test_other_numbers_may_take_the_place():
    assert store(np.ones(3)).restore(np.zeros(2)).shape == (2,)


@pytest.mark.parametrize(
    "thing", [{"x": np.ones(2)}, [[1.0], [1.0, 2.0]], np.array([1j]), object()]
)
def test_anything_else_is_refused(thing):
    with pytest.raises(UsageError, match="x must be an array or a plain value to be stored"):
        store(thing, "x")


def test_arrays_of_a_device_library_are_refused(monkeypatch):
    library = SimpleNamespace(asarray=np.asarray)
    monkeypatch.setitem(sys.modules, "device_library", library)
    facts = {"shape": (), "dtype": float, "get": lambda self: np.ones(())}
    kind = type("Array", (), {**facts, "__module__": "device_library"})
    with pytest.raises(UsageError, match="x must be an array or a plain value"):
        store(kind(), "x")
