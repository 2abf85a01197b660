"""Where the first values of weights come from."""

import math

import numpy as np
import numpy.typing as npt

from capstone._checks import check_in_range, check_not_negative, fail
from capstone._typing import Array, Seed
from capstone.parameter import Parameter


def generator(seed: Seed) -> np.random.Generator:
    """The generator that a seed means; one that is given is handed through, to be drawn on.

    Raises:
        UsageError: a seed that is no whole number of at least 0.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    check_not_negative("initial weights", seed=seed)
    return np.random.default_rng(seed)


def normal(seed: Seed, *shape: int, std: float, dtype: npt.DTypeLike) -> Parameter:
    """A parameter of independent normal entries with standard deviation `std`.

    Drawn in float64 and rounded once, so that float32 and float64 models start alike.

    Raises:
        UsageError: a negative seed or deviation, or a dtype that is not of real floats.
    """
    check_in_range("initial weights", "std", std, 0, math.inf)
    if np.dtype(dtype).kind != "f":
        rule = "dtype must be of real floating-point numbers"
        fail("initial weights", rule, expected="float32 or float64", got=np.dtype(dtype))
    draw: Array = generator(seed).standard_normal(shape)
    return Parameter((draw * std).astype(dtype))
