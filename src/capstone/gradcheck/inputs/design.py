"""Inputs designed to expose a wrong gradient, from a few words about their shapes.

What each property is for stands where it is made. The same arrays come out of the Hypothesis
strategies in `capstone.gradcheck.strategies`, which draw the sizes and the seed.
"""

import zlib
from collections.abc import Callable, Mapping

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.inputs.notation import ArraySpec, choose_sizes, parse, size_of
from capstone.gradcheck.usage import refuse

ROW_SCALES = (1e-2, 1.0, 3.0)  # a fixed step, or an epsilon in the wrong place, fails on the first
SPECIAL = (1e-8, -45.0, 45.0, -1.2784645427610738, -1e-8)  # flat, or straight; SiLU' = 0 at -1.278


def design(
    spec: Mapping[str, str], *, seed: int = 0, sizes: Mapping[str, int] | None = None
) -> dict[str, Array]:
    """Arrays in which a mistake has nowhere to hide.

    Args:
        spec: for each name, its axes in words: `{"x": "B T D", "gain": "D", "ids": "B T < V"}`.
            Axes of the same name have the same size, others different ones; `H*K` is an axis as
            long as the product, `3` one of that size, `""` a single number. `B T < V` are whole
            numbers below V, with `or -1` some of them -1. A kind may stand in front:

            * `rows:` rows of the scales 0.01, 1 and 3 in turn (the usual for two axes or more);
            * `gain:` random signs, sizes from 0.5 to 2 (the usual for one axis or none);
            * `weight:` normal, divided by the root of the last axis but one;
            * `saturated:` rows, with some entries near 0 and some far out;
            * `positive:` from 0.5 to 2;
            * `mask:` booleans, some rows True throughout, some False throughout.
        seed: of everything random; an array depends on the seed, its name and its sizes alone.
        sizes: of some axes by name; the others get different small primes.

    Returns:
        The arrays by name: float64, int64 or bool.

    Raises:
        UsageError: a specification that cannot be read, or sizes that do not fit it.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        rule = "seed must be a non-negative integer"
        refuse(rule, expected="seed >= 0", got=repr(seed), function="design")
    arrays = parse(spec)
    return fill(arrays, choose_sizes(arrays, sizes or {}), int(seed))


def fill(arrays: list[ArraySpec], sizes: Mapping[str, int], seed: int) -> dict[str, Array]:
    """The arrays, each from a generator of its own: adding one leaves the others as they are."""
    return {array.name: _filled(array, sizes, seed) for array in arrays}


def _filled(array: ArraySpec, sizes: Mapping[str, int], seed: int) -> Array:
    rng = np.random.default_rng([seed, zlib.crc32(array.name.encode())])
    shape = array.shape(sizes)
    if array.kind == "ids":
        return _ids(rng, shape, size_of(array.limit, sizes), array.ignored)
    return MAKERS[array.kind](rng, shape)


def _rows(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal rows, each of another scale than the next."""
    x = rng.standard_normal(shape)
    if not shape:
        return x
    count = int(np.prod(shape[:-1]))
    start = int(rng.integers(len(ROW_SCALES))) if count >= len(ROW_SCALES) else 0
    scales = np.resize(np.roll(ROW_SCALES, start), count)
    return np.asarray(x * scales.reshape(*shape[:-1], 1))


def _gain(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Of both signs, none near 0, where it would hide what it multiplies, nor equal to 1."""
    size = rng.uniform(0.5, 2.0, shape)
    return np.asarray(size * _signs(rng, shape))


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """As many of one sign as of the other, in random order."""
    signs = np.resize([-1.0, 1.0], int(np.prod(shape)))
    return np.asarray(rng.permutation(signs).reshape(shape))


def _weight(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Products with it are as large as what it multiplies."""
    fan_in = shape[-2] if len(shape) >= 2 else 1
    return np.asarray(rng.standard_normal(shape) * max(1, fan_in) ** -0.5)


def _saturated(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Where an activation is flat, and where it is all but straight, among moderate entries."""
    x = 3 * _rows(rng, shape)
    count = min(len(SPECIAL), x.size // 2)
    x.reshape(-1)[rng.permutation(x.size)[:count]] = SPECIAL[:count]
    return x


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.uniform(0.5, 2.0, shape))


def _mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Mixed rows; one that is True throughout and one that is False where there is room."""
    mask = rng.random(shape) < 0.4
    flat = mask.reshape(-1)
    if mask.size >= 2:
        flat[0], flat[-1] = True, False
    rows = mask.reshape(-1, shape[-1]) if len(shape) >= 2 else mask.reshape(1, -1)
    if len(rows) >= 3:
        rows[1], rows[2] = True, False
    return mask


def _ids(
    rng: np.random.Generator, shape: tuple[int, ...], limit: int, ignored: int | None
) -> Array:
    """The first id and the last one, some that repeat, one that is absent, some ignored.

    Where there is no room for all of it, repetition comes first: lost duplicates are the mistake.
    """
    count = int(np.prod(shape))
    absent = limit // 2 if limit >= 3 else -1
    allowed = np.array([i for i in (0, limit - 1, *range(1, limit - 1)) if i != absent])
    places = rng.permutation(count)
    ids = np.empty(count, np.int64)
    ids[places] = allowed[rng.integers(0, len(allowed), count)]
    wanted = [limit - 1, limit - 1, 0, 0][: max(count, 0)]
    ids[places[: len(wanted)]] = wanted
    if ignored is not None:
        n_ignored = max(1, count // 4) if count >= 2 else 0
        ids[places[len(wanted) :][:n_ignored] if count > 4 else places[-n_ignored:]] = ignored
    return ids.reshape(shape)


MAKERS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "rows": _rows,
    "gain": _gain,
    "weight": _weight,
    "saturated": _saturated,
    "positive": _positive,
    "mask": _mask,
}
