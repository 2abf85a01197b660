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
    return np.asarray(size * _signs(rng, shape)).astype(dtype)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """-1 or 1 with equal chances; `rng.choice` takes three times as long."""
    return np.asarray(2.0 * rng.integers(0, 2, shape) - 1.0)


def far_point(rng: np.random.Generator, value: Array) -> Array:
    """The entries of `value` in another order: elsewhere, yet inside any elementwise domain.

    Sorted integers stay: they may be offsets, whose order has a meaning.
    """
    flat = value.reshape(-1)
    if value.dtype.kind in "iu" and (flat[1:] >= flat[:-1]).all():
        return value
    return flat[rng.permutation(value.size)].reshape(value.shape)


def near_point(rng: np.random.Generator, value: Array) -> Array:
    """`value` a little larger throughout, integers as they are, for pickier domains."""
    return np.asarray(value * value.dtype.type(1.125)) if value.dtype.kind == "f" else value


def nudged(rng: np.random.Generator, value: Array, roundings: float = 1) -> Array:
    """`value` with every entry moved by so many rounding errors, up or down at random."""
    if value.dtype.kind not in "fc":
        return value
    step = roundings * np.finfo(value.dtype).eps * _signs(rng, value.shape)
    return np.asarray(value * (1 + step).astype(value.real.dtype))


def one_hots(entries: Array, shape: tuple[int, ...]) -> Array:
    """Directions (len(entries), *shape) that each move one entry, numbered in C order."""
    count = len(entries)
    directions = np.zeros((count, int(np.prod(shape))))
    directions[np.arange(count), entries] = 1
    return directions.reshape(count, *shape)
