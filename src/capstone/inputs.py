"""Inputs designed to expose a wrong gradient: what the case table draws its arrays from."""

import numpy as np

from capstone._typing import Array


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Independent normal entries."""
    return np.asarray(rng.standard_normal(shape))


def signed(rng: np.random.Generator, *shape: int) -> Array:
    """Entries of random sign and of size 0.5 to 2: no gain of 1, none near 0."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2.0, shape))


def uneven_rows(rng: np.random.Generator, *shape: int) -> Array:
    """Rows of the scales 1e-2, 1 and 3 in turn: a fixed step or a missing eps shows."""
    scales: Array = np.resize([1e-2, 1.0, 3.0], int(np.prod(shape[:-1])))
    return normal(rng, *shape) * scales.reshape(*shape[:-1], 1)


def rows_near_eps(rng: np.random.Generator, *shape: int) -> Array:
    """Rows as small as the root of a usual eps, and one row of zeros."""
    x = normal(rng, *shape) * 3e-3
    x[(0,) * (len(shape) - 1)] = 0
    return x


def saturated(rng: np.random.Generator, *shape: int) -> Array:
    """Moderate entries among some at which a sigmoid is flat, zero, or turns (SiLU' = 0)."""
    x = normal(rng, *shape) * 3
    special = [0.0, -1.2784645427610738, 45.0, -45.0, 1e-8]
    x.reshape(-1)[: len(special)] = special
    return x


def tokens(rng: np.random.Generator, vocab_size: int, *shape: int) -> Array:
    """Ids with repetitions, the first and the last id, and at least one that is absent."""
    ids = rng.integers(0, vocab_size - 1, shape)
    ids[ids == vocab_size // 2] = 0
    flat = ids.reshape(-1)
    flat[0], flat[-1], flat[1] = vocab_size - 1, vocab_size - 1, 0
    return np.asarray(ids)


def ignored_targets(rng: np.random.Generator, vocab_size: int, *shape: int) -> Array:
    """Targets of which some are -1, to be ignored."""
    ids = tokens(rng, vocab_size, *shape)
    ids[0, 1] = ids[-1, 0] = -1
    return ids


def offsets(*shape: int) -> Array:
    """-9 and 3 in turn: shifts rows so that their log-sum-exps have both signs."""
    return np.asarray(np.resize([-9.0, 3.0], shape))
