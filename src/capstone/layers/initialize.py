"""Where the first values of weights come from."""

import numpy as np
import numpy.typing as npt

from capstone._typing import Array, Seed
from capstone.parameter import Parameter


def normal(seed: Seed, *shape: int, std: float, dtype: npt.DTypeLike) -> Parameter:
    """A parameter of independent normal entries with standard deviation `std`.

    Drawn in float64 and rounded once, so that float32 and float64 models start alike.
    """
    draw: Array = np.random.default_rng(seed).standard_normal(shape)
    return Parameter((draw * std).astype(dtype))
