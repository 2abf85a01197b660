"""One function for each kind of array that `design` makes, with the mistakes that it is for."""

from collections.abc import Callable

import numpy as np

from capstone._typing import Array

Shape = tuple[int, ...]

ROW_SCALES = (1e-2, 1.0, 3.0)  # a fixed step, or an epsilon in the wrong place, fails on the first
ROW_SHIFTS = (3.0, -9.0)  # a log-sum-exp of either sign; a mean that is not removed shows
SPECIAL = (1e-8, -45.0, 45.0, -1.2784645427610738, -1e-8)  # flat, or straight; SiLU' = 0 at -1.278
SMALL, LARGE = (0.5, 0.8), (1.25, 2.0)  # sizes away from 0 and from 1


def rows(rng: np.random.Generator, shape: Shape) -> Array:
    """Normal rows of different scales in random order; a single one is of the scale 1."""
    x = rng.standard_normal(shape)
    count = int(np.prod(shape[:-1]))
    if count == 1:
        return np.asarray(x)
    scales = np.resize(ROW_SCALES, max(count, len(ROW_SCALES)))
    return np.asarray(x * rng.permutation(scales)[:count].reshape(*shape[:-1], 1))


def gain(rng: np.random.Generator, shape: Shape) -> Array:
    """Of both signs, none near 0 or 1, where it would hide what it multiplies or itself."""
    return _sizes(rng, shape) * _signs(rng, shape)


def positive(rng: np.random.Generator, shape: Shape) -> Array:
    """For roots, logarithms and variances: none near 0 or 1."""
    return _sizes(rng, shape)


def _sizes(rng: np.random.Generator, shape: Shape) -> Array:
    small, large = rng.uniform(*SMALL, shape), rng.uniform(*LARGE, shape)
    return np.where(rng.random(shape) < 0.5, small, large)


def _signs(rng: np.random.Generator, shape: Shape) -> Array:
    """As many of one sign as of the other, or one more, in random order."""
    count = int(np.prod(shape))
    return np.asarray(
        rng.permutation(np.resize(rng.permutation([-1.0, 1.0]), count)).reshape(shape)
    )


def weight(rng: np.random.Generator, shape: Shape) -> Array:
    """Products with it are as large as what it multiplies."""
    fan_in = shape[-2] if len(shape) >= 2 else 1
    return np.asarray(rng.standard_normal(shape) * fan_in**-0.5)


def saturated(rng: np.random.Generator, shape: Shape) -> Array:
    """Where an activation is flat, and where it is all but straight, among moderate entries."""
    x = 3 * rows(rng, shape)
    count = min(len(SPECIAL), x.size // 2)
    x.reshape(-1)[rng.permutation(x.size)[:count]] = SPECIAL[:count]
    return x


def shifted(rng: np.random.Generator, shape: Shape) -> Array:
    """Normal rows, each moved as a whole to one side of 0 or the other: for means and softmax."""
    shifts = rng.permutation(np.resize(ROW_SHIFTS, int(np.prod(shape[:-1]))))
    x = rng.standard_normal(shape).reshape(len(shifts), -1) + shifts[:, None]
    return np.asarray(x.reshape(shape))


def distinct(rng: np.random.Generator, shape: Shape) -> Array:
    """From -2 to 2, the nearest two at least half as far apart as on average: no ties, no kinks."""
    count = int(np.prod(shape))
    gap = 4 / count
    middles = gap * (np.arange(count) - count / 2 + 0.5 + 0.25 * (count % 2))  # none is 0
    return np.asarray(
        rng.permutation(middles + rng.uniform(-gap / 8, gap / 8, count)).reshape(shape)
    )


def unit(rng: np.random.Generator, shape: Shape) -> Array:
    """Rows of length 1: directions, for what is defined on a sphere."""
    x = rng.standard_normal(shape)
    return np.asarray(x / np.sqrt((x * x).sum(axis=-1 if shape else None, keepdims=True)))


def probabilities(rng: np.random.Generator, shape: Shape) -> Array:
    """Positive rows that sum to 1, with likely and unlikely entries: for divergences."""
    x = rng.uniform(0.02, 1.0, shape)
    return np.asarray(x / x.sum(axis=-1 if shape else None, keepdims=True))


def mask(rng: np.random.Generator, shape: Shape) -> Array:
    """A mixed row, one that is True throughout, one that is False throughout, then mixed ones.

    They come in random order. Where there is no room, a mixed row comes first.
    """
    drawn = (rng.random(shape) < 0.4).reshape(-1, shape[-1] if shape else 1)
    if drawn.shape[1] >= 2:
        drawn[0, rng.permutation(drawn.shape[1])[:2]] = True, False
    drawn[1:2], drawn[2:3] = True, False
    return np.asarray(rng.permutation(drawn).reshape(shape))


def causal(rng: np.random.Generator, shape: Shape) -> Array:
    """What comes after the query is True; the last query of the last axis but one sees all keys."""
    n_queries, n_keys = (1, 1, *shape)[-2:]
    future = ~np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)
    return np.resize(future, shape)  # the same for every leading index


def ids(rng: np.random.Generator, shape: Shape, limit: int, ignored: int | None = None) -> Array:
    """The first id and the last one, some that repeat, one that is absent, some ignored.

    Where there is no room for all of it, repetition comes first: lost duplicates are the mistake.
    """
    count = int(np.prod(shape))
    places = rng.permutation(count)
    drawn = rng.integers(0, max(1, limit - 1), count)
    chosen = drawn + (drawn >= limit // 2) if limit >= 3 else rng.integers(0, limit, count)
    wanted = [limit - 1, limit - 1, 0, 0][:count]
    chosen[places[: len(wanted)]] = wanted
    if ignored is not None:
        n_ignored = max(1, count // 4) if count >= 2 else 0
        free = places[len(wanted) :] if count > len(wanted) else places[::-1]
        chosen[free[:n_ignored]] = ignored
    return np.asarray(chosen.reshape(shape))


MAKERS: dict[str, Callable[[np.random.Generator, Shape], Array]] = {
    "rows": rows,
    "gain": gain,
    "weight": weight,
    "saturated": saturated,
    "shifted": shifted,
    "positive": positive,
    "distinct": distinct,
    "unit": unit,
    "probabilities": probabilities,
    "mask": mask,
    "causal": causal,
}
