"""Random directions and upstream gradients that no error can hide from.

Entries are signed and bounded away from zero: a probe with tiny entries would not see an error
there, a positive one would miss errors that cancel, and a constant one is annihilated by the
Jacobians of softmax and of normalizations.
"""

import numpy as np

from capstone._typing import Array


def signed(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Entries of random sign and of size 0.5 to 1.5."""
    size = rng.uniform(0.5, 1.5, shape)
    return np.asarray(size * rng.choice([-1.0, 1.0], shape)).astype(dtype)


def far_point(rng: np.random.Generator, value: Array) -> Array:
    """The entries of `value` in another order: elsewhere, yet inside any sensible domain."""
    return rng.permutation(value.reshape(-1)).reshape(value.shape)


def nudged(rng: np.random.Generator, value: Array) -> Array:
    """`value` with every entry moved by one rounding error, up or down at random."""
    if value.dtype.kind not in "fc":
        return value
    eps = np.finfo(value.dtype).eps
    moved: Array = value * (1 + eps * rng.choice([-1.0, 1.0], value.shape)).astype(value.real.dtype)
    return moved


def one_hots(start: int, stop: int, shape: tuple[int, ...]) -> Array:
    """Directions (stop - start, *shape) that each move one entry, numbered in C order."""
    count = stop - start
    directions = np.zeros((count, int(np.prod(shape))))
    directions[np.arange(count), np.arange(start, stop)] = 1
    return directions.reshape(count, *shape)
