"""Arrays that a command line describes by their shapes."""

import math
import re

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.inputs import signed

SHAPE = re.compile(r"((?:\d+,)*\d*)(?:<(\d+))?")
MOST_ENTRIES = 1 << 26  # half a gigabyte of float64


def make_input(where: str, words: str, rng: np.random.Generator) -> Array:
    """A random array from `2,8,16` (signed numbers) or `2,5<7` (integers below 7).

    Raises:
        UsageError: anything else.
    """
    match = SHAPE.fullmatch("".join(words.split()))
    shape = tuple(int(size) for size in match[1].split(",") if size) if match else ()
    limit = int(match[2]) if match and match[2] else 0
    if not match or math.prod(shape) > MOST_ENTRIES or (match[2] and not 0 < limit < 1 << 63):
        rule = "--input must be a shape"
        fail(where, rule, expected="2,8,16 or, for integers below 7, 2,5<7", got=repr(words))
    return rng.integers(0, limit, shape) if limit else signed(rng, *shape)
