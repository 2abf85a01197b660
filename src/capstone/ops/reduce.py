"""Sums: of a gradient over leading axes, of rows, and of products along them."""

from functools import lru_cache

import numpy as np

from capstone._typing import Array

ONES_AT_ONCE = 64  # so that rows that grow, as those of a text's scores do, seldom need new ones


def sum_leading(grad: Array, ndim: int) -> Array:
    """Sum over all axes before the last `ndim`.

    Broadcasting copies a parameter to every position of the leading axes, so its gradient is the
    sum over them.

    Args:
        grad: (..., *shape), where `shape` has `ndim` axes.
        ndim: how many axes the parameter has.

    Returns:
        (*shape): a new array.
    """
    return np.asarray(grad.sum(axis=tuple(range(grad.ndim - ndim))))


def dot_rows(x: Array, y: Array) -> Array:
    """Scalar product of each row of `x` with the same row of `y`.

    In float32, `(x * y).sum(axis=-1)` takes three times as long or more.

    Args:
        x: (..., D), any float or complex dtype.
        y: (..., D), of the shape of `x`.

    Returns:
        (..., 1): nothing is conjugated.
    """
    # vecdot conjugates its first argument, so it is given the conjugate
    return np.asarray(np.vecdot(x.conj(), y))[..., None]  # (..., 1)


def sum_rows(x: Array) -> Array:
    """Sum along the last axis.

    In float32, `x.sum(axis=-1)` takes four times as long as this product of matrices, or more. It
    adds in pairs, and so loses less in rows of many thousands.

    Args:
        x: (..., D), any float or complex dtype.

    Returns:
        (..., 1).
    """
    D = x.shape[-1]
    enough = -(-D // ONES_AT_ONCE) * ONES_AT_ONCE
    return np.asarray(x @ _ones(enough, x.dtype)[:D])


@lru_cache(maxsize=64)
def _ones(length: int, dtype: np.dtype[np.generic]) -> Array:
    """(length, 1), read-only."""
    ones: Array = np.ones((length, 1), dtype)
    ones.flags.writeable = False
    return ones


def as_matrix(x: Array) -> Array:
    """All leading axes as one: (..., D) becomes (N, D), without a copy where memory allows it."""
    return x.reshape(-1, x.shape[-1])
