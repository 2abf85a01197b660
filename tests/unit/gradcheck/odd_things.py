"""What callers hand over by mistake: objects, arrays and layers that misbehave."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from unit.gradcheck.samples import draw


class Unconvertible:
    """NumPy's way to make an array of it fails."""

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("no array")


class Guarded:
    """Whoever looks at it is punished."""

    @property
    def shape(self) -> Any:
        raise RuntimeError("no shape")

    @property
    def dtype(self) -> Any:
        raise RuntimeError("no dtype")


class Physical(np.ndarray):
    """An array with a meaning of its own."""


class UntellableError(Exception):
    """Has no words for itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Scale:
    """`x * w`, a right layer; tests spoil one part of it."""

    def __init__(self) -> None:
        self.w = SimpleNamespace(data=draw(4, seed=1), grad=np.zeros(4), name="w")

    def parameters(self) -> Any:
        return [self.w]

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * self.w.data

    def backward(self, dy: Any) -> Any:
        self.w.grad = self.w.grad + (dy * self.x).sum(axis=0)
        return dy * self.w.data


def spoiled(**parts: Any) -> Any:
    """A `Scale` of a class of its own with other methods or properties."""
    return type("Spoiled", (Scale,), parts)()


def failing(error: BaseException) -> Any:
    """A function of anything that raises."""

    def fail(*args: Any) -> Any:
        raise error

    return fail


def later(first: Any, then: Any) -> Any:
    """A function that behaves at its first call only."""
    calls: list[None] = []

    def function(*args: Any) -> Any:
        calls.append(None)
        return (first if len(calls) == 1 else then)(*args)

    return function


def masked(array: Any) -> Any:
    """With one masked entry."""
    return np.ma.masked_array(array, mask=np.arange(array.size).reshape(array.shape) == 2)


def recursive(*args: Any) -> Any:
    """Calls itself."""
    return recursive(*args)
