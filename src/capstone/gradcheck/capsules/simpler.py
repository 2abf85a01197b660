"""Simpler numbers in the place of given ones: zeros, ones, whole numbers, numbers of one digit."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array


def simpler_arrays(array: Array) -> Iterator[Array]:
    """Arrays of the same shape and dtype that are simpler throughout, the simplest first."""
    simple = [np.zeros_like(array), np.ones_like(array)]
    if array.dtype.kind == "f":
        simple += [np.rint(array) + 0, _one_digit(array)]  # + 0: -0 becomes 0
    different = {candidate.tobytes(): candidate for candidate in simple}
    for candidate in different.values():
        if _ranks(candidate).sum() < _ranks(array).sum():
            yield candidate


def simpler_entries(array: Array, entry: int) -> Iterator[Array]:
    """The array with one entry made simpler, the simplest first."""
    for candidate in simpler_arrays(array.reshape(-1)[entry : entry + 1]):
        changed = array.copy()
        changed.reshape(-1)[entry] = candidate[0]
        yield changed


def _one_digit(array: Array) -> Array:
    rounded = [float(f"{number:.0e}") for number in array.reshape(-1).tolist()]
    return np.array(rounded, array.dtype).reshape(array.shape)


def _ranks(array: Array) -> Array:
    """How much there is to read in each entry: 0, 1, whole numbers, numbers of one digit, all."""
    numbers = array.astype(float)
    levels = [numbers == 0, numbers == 1, numbers == np.rint(numbers)]
    levels.append(_one_digit(array).astype(float) == numbers)
    return np.asarray(np.select(levels, [0, 1, 2, 3], 4))
