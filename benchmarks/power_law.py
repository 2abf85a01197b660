"""A power law through measured points, by least squares of the logarithms."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class PowerLaw(NamedTuple):
    """`value = factor * size ** exponent`."""

    factor: float
    exponent: float
    error: float  # standard error of the exponent

    def at(self, size: float) -> float:
        """What the law says for a size."""
        return self.factor * math.exp(self.exponent * math.log(size))


def fit_power_law(sizes: Sequence[float], values: Sequence[float]) -> PowerLaw:
    """The line through `log(values)` over `log(sizes)`; three points at least.

    The standard error takes the scatter about the line for noise: a curve that bends raises it too.
    """
    x, y = np.log(sizes), np.log(values)
    dx = x - x.mean()
    exponent = float(dx @ y / (dx @ dx))
    intercept = float(y.mean() - exponent * x.mean())
    residuals = y - intercept - exponent * x
    variance = float(residuals @ residuals) / (len(x) - 2)  # two parameters were chosen
    return PowerLaw(math.exp(intercept), exponent, math.sqrt(variance / float(dx @ dx)))


def fit_larger_half(sizes: Sequence[float], values: Sequence[float]) -> PowerLaw:
    """The same through the larger half of the sizes, which come in rising order."""
    first = len(sizes) // 2
    return fit_power_law(sizes[first:], values[first:])
