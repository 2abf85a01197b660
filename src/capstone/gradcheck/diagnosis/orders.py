"""Other orders of the slices along one axis, in words and as functions."""

from collections.abc import Callable, Iterator
from functools import partial

from capstone._typing import Array

Order = tuple[str, Callable[[Array], Array]]


def readings(size: int, axis: int) -> Iterator[Order]:
    """The axis is made of two, as of heads in groups, that are read in the other order."""
    for n in range(2, size):
        if size % n == 0:
            words = f"with axis {axis} read as {n} x {size // n} for {size // n} x {n}"
            yield words, partial(_read, axis=axis, n=n)


def _read(array: Array, axis: int, n: int) -> Array:
    split = (*array.shape[:axis], n, -1, *array.shape[axis + 1 :])
    return array.reshape(split).swapaxes(axis, axis + 1).reshape(array.shape)
