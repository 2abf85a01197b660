"""Inputs designed to expose a wrong gradient, from a few words about their shapes.

What each property is for stands where it is made (`makers.py`). The same arrays come out of the
Hypothesis strategies in `capstone.gradcheck.strategies`, which draw the sizes and the seed.
"""

import zlib
from collections.abc import Mapping

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.inputs.makers import MAKERS, ids
from capstone.gradcheck.inputs.notation import ArraySpec, choose_sizes, parse, size_of
from capstone.gradcheck.usage import refuse


def design(
    spec: Mapping[str, str], *, seed: int = 0, sizes: Mapping[str, int] | None = None
) -> dict[str, Array]:
    """Arrays in which a mistake has nowhere to hide.

    Args:
        spec: for each name, its axes in words: `{"x": "B T D", "gain": "D", "ids": "B T < V"}`.
            Axes of the same name have the same size, others different ones; `H*K` is an axis as
            long as the product, `4` one of that size, `""` a single number. `B T < V` are whole
            numbers below V: some repeat, the first and the last one occur, one does not; with
            `or -1` some of them are -1. A kind may stand in front:

            * `rows:` rows of the scales 0.01, 1 and 3 (the usual for two axes or more);
            * `gain:` random signs, sizes from 0.5 to 2, not near 1 (the usual for fewer axes);
            * `weight:` normal, divided by the root of the last axis but one;
            * `saturated:` rows, with some entries near 0 and some far out;
            * `shifted:` normal rows, each moved by 3 or -9 as a whole;
            * `positive:` from 0.5 to 2;
            * `distinct:` no two entries near each other, none near 0: for maxima and sorting;
            * `unit:` rows of length 1;
            * `probabilities:` positive rows that sum to 1;
            * `mask:` booleans; a row is True throughout, one is False throughout, others mixed;
            * `causal:` True above the diagonal, which ends in the last corner.
        seed: of everything random; an array depends on the seed, its name and its sizes alone.
        sizes: of some axes by name; the others get different small primes, from 3 on.

    Returns:
        The arrays by name: float64, int64 or bool.

    Raises:
        UsageError: a specification that cannot be read, or sizes that do not fit it.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        rule = "seed must be a non-negative integer"
        refuse(rule, expected="seed >= 0", got=repr(seed), function="design")
    arrays = parse(spec)
    return fill(arrays, choose_sizes(arrays, {} if sizes is None else sizes), int(seed))


def fill(arrays: list[ArraySpec], sizes: Mapping[str, int], seed: int) -> dict[str, Array]:
    """The arrays, each from a generator of its own: adding one leaves the others as they are."""
    return {array.name: _filled(array, sizes, seed) for array in arrays}


def _filled(array: ArraySpec, sizes: Mapping[str, int], seed: int) -> Array:
    rng = np.random.default_rng([seed, zlib.crc32(array.name.encode())])
    shape = array.shape(sizes)
    if array.kind == "ids":
        return ids(rng, shape, size_of(array.limit, sizes), array.ignored)
    return np.asarray(MAKERS[array.kind](rng, shape))
