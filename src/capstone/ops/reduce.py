"""The one place in which a gradient is summed over leading axes."""

import numpy as np

from capstone._typing import Array


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


def as_matrix(x: Array) -> Array:
    """All leading axes as one: (..., D) becomes (N, D), without a copy where memory allows it."""
    return x.reshape(-1, x.shape[-1])
