"""Difference quotients that approach the slope as slowly as a root of the step.

Of `x**1.5` at 0 the quotient over a step h is sqrt(h). Neither does a larger step only reduce its
noise, as the ladder expects, nor does extrapolation by even powers help. The law shows by itself:
from step to step the quotient changes by a steady factor, and the changes still to come add up to
a geometric series.
"""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.climbs import SAFETY
from capstone.gradcheck.numeric.evaluator import Slopes
from capstone.gradcheck.numeric.ladder import HIGHEST, LOWEST, Ladder, scales

STRETCH = 6  # changes in a row, over three decades, that make a law
VISIBLE = 16.0  # rounding bounds that each must exceed
STEADY = 0.25  # share by which their factors may differ
SLOWEST, FASTEST = 1.1, 4.0  # factors: powers of the step from 0.08 to 1.2; smooth ones have 10


def limits(ladder: Ladder, index: int, directions: Array) -> Slopes:
    """Slopes along P directions of argument `index` that obey such a law; NaN for all others.

    The uncertainty is all that is still to come below the smallest step whose change is seen.
    """
    scale, _ = scales(ladder.evaluator.values[index], directions)
    steps = np.multiply.outer(10.0 ** np.arange(LOWEST, HIGHEST, 0.5), scale)  # (R, P)
    quotients = ladder.quotients({index: directions}, steps)  # (R, P, number of outputs)
    products = quotients * ladder.evaluator.dy.reshape(-1)
    slope, terms = products.sum(axis=-1), np.abs(products).sum(axis=-1)  # (R, P)
    rounding = np.stack([ladder.roughness.of(quotient != 0) for quotient in quotients])
    noise = SAFETY * ladder.amplification * rounding / steps  # (R, P)
    change = np.diff(slope, axis=0)  # (R - 1, P)
    is_visible = np.abs(change) > VISIBLE * (noise[1:] + noise[:-1])
    is_visible &= np.isfinite(change)
    count = len(scale)
    value, doubt = np.full(count, np.nan), np.full(count, np.inf)
    for p in np.flatnonzero(is_visible.any(axis=0)):
        first = int(np.argmax(is_visible[:, p]))
        stretch = slice(first, first + STRETCH)
        if np.count_nonzero(is_visible[stretch, p]) < STRETCH:
            continue
        factors = change[first + 1 : first + STRETCH, p] / change[first : first + STRETCH - 1, p]
        low, high = factors.min(), factors.max()
        if SLOWEST <= low <= high <= FASTEST and high - low <= STEADY * low:
            value[p] = slope[first, p] - change[first, p] / (np.median(factors) - 1)
            doubt[p] = np.abs(change[first, p]) / (low - 1) + noise[first, p]
    return Slopes(value, doubt, terms[0], np.zeros(count, bool))
