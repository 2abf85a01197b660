"""Type aliases. Shapes stand in comments and docstrings: NumPy's types cannot say them."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Any array: float32 in training, float64 and complex128 under verification, integers for ids."""

Seed = int | np.random.Generator
"""Randomness enters as a seed or as a generator, never through global state."""
