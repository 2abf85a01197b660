"""Where directions stand on their ladders: the best difference so far, and who climbs on.

All state is kept for three ladders a direction at once, one an order of truncation.
"""

import copy
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Slopes

SAFETY = 8.0  # roundings of a forward pass, in units of eps * sum|terms|, that may line up
PLATEAU = 2  # agreements in a row that make one
# Rounding of a difference of second, fourth and sixth order, in units of that of its own rung: with
# a ratio r of steps, (r**2 * r + 1) / (r**2 - 1) = 3.6, and (r**4 * 3.6 * r + 3.6) / (r**4 - 1).
RATIO = 10**0.5
NOISES = np.array([[1.0], [3.63], [11.7]])  # (orders, 1)


class Rungs(NamedTuple):
    """Central differences of `<dy, y>` along P directions, at R steps for each."""

    step: Array  # (R, P)
    slope: Array  # (R, P)
    terms: Array  # (R, P) sum of |dy * dy/dv|
    is_silent: Array  # (R, P) booleans: not one entry of y moved
    rounding: Array  # (R, P) of `<dy, y>` at either end


class Climbs:
    """Where each of P directions stands on its ladders, one an order of truncation."""

    def __init__(self, count: int) -> None:
        shape = (len(NOISES), count)
        self.goes_on = np.ones(shape, bool)
        self.is_silent = np.ones(count, bool)
        self.value, self.noise = np.full(shape, np.nan), np.full(shape, np.inf)  # the best so far
        self.terms = np.zeros(shape)
        self.agreements = np.zeros(shape, int)
        self.roughness = np.zeros(shape)  # what rounding of known size does not explain
        self.previous, self.bound = np.full(shape, np.nan), np.full(shape, np.inf)
        self.below = np.full(shape, np.nan)  # what the rung below gave, agreeing or not

    def of(self, which: Array) -> "Climbs":
        """Copies of the climbs along some of the directions."""
        part = copy.copy(self)
        for name, column in vars(self).items():
            setattr(part, name, column[..., which])
        return part

    def put(self, which: Array, part: "Climbs") -> None:
        """Have some of the directions stand where the copies stand."""
        for name, column in vars(part).items():
            getattr(self, name)[..., which] = column

    def add(self, rungs: Rungs, highest: Array) -> None:
        """Climb the next rungs, up to a `highest` step (P,) for each direction."""
        slopes = extrapolated(rungs.slope, self.below)  # (R, orders, P)
        self.below = slopes[-1]
        units = SAFETY * NOISES / rungs.step[:, None]  # (R, orders, P)
        # the first rungs of the higher orders lack one below
        is_there = ~np.isnan(slopes) | ~np.isfinite(rungs.slope)[:, None]
        is_there &= (rungs.step <= highest)[:, None]
        for number, slope in enumerate(slopes):
            on = self.goes_on & is_there[number]
            if on.any():
                self.is_silent &= rungs.is_silent[number] | ~on[0]
                self._climb(on, slope, units[number], rungs.rounding[number], rungs.terms[number])

    def _climb(self, on: Array, slope: Array, unit: Array, rounding: Array, terms: Array) -> None:
        """Go up one rung, or stop; `slope` and `unit` are (orders, P), what rounding 1 does."""
        difference = np.abs(slope - self.previous)
        is_first, is_finite = np.isnan(self.previous), np.isfinite(slope)
        # a disagreement before any plateau is noise: the climb starts again
        agrees = difference <= unit * (self.roughness + rounding) + self.bound
        is_rough = on & is_finite & ~is_first & ~agrees & (self.agreements < PLATEAU)
        # bound + previous bound must reach the difference, hence the factor of one previous step
        self.roughness += np.where(is_rough, difference / (unit * (1 + RATIO)), 0.0)
        bound = unit * (self.roughness + rounding)
        is_fresh = is_first | is_rough
        agrees = difference <= bound + self.bound
        up = on & is_finite & (is_fresh | agrees)
        # the rung below the current one is the one to keep: after a restart there is none
        further, restarts = up & ~is_fresh, up & is_fresh
        self._keep(further, value=self.previous, noise=2 * self.bound)
        # and without a plateau truncation is as good an explanation of what was seen as roughness
        self._keep(restarts, value=slope, noise=2 * np.fmax(bound, difference), agreements=0)
        self.agreements += further
        self._keep(up, previous=slope, bound=bound, terms=terms)
        self.goes_on &= up | ~on

    def _keep(self, which: Array, **columns: Any) -> None:
        """Overwrite some of the (orders, P) entries."""
        for name, column in columns.items():
            np.copyto(getattr(self, name), column, where=which)

    def slopes(self) -> Slopes:
        """Of each direction the least noisy result, and whether nothing ever moved.

        A higher order is noisier on the same rung and may cross, unnoticed, a feature that a lower
        one has seen: it counts only where it lies within the noise of all orders below.
        """
        value, noise, terms = (column[0] for column in (self.value, self.noise, self.terms))
        for number in range(1, len(NOISES)):
            apart = np.abs(self.value[number] - self.value[:number])  # (orders below, P)
            agrees = (apart <= self.noise[number] + self.noise[:number]).all(axis=0)
            is_better = agrees & (self.noise[number] < noise)
            value = np.where(is_better, self.value[number], value)
            noise = np.where(is_better, self.noise[number], noise)
            terms = np.where(is_better, self.terms[number], terms)
        return Slopes(value, noise, terms, self.is_silent)


def extrapolated(slopes: Array, below: Array) -> Array:
    """(R, orders, P) differences of second, fourth and sixth order from central ones (R, P).

    Each needs what the order before it gave on its own rung and on the one below. That of the first
    rung is given, (orders, P), and NaN if there is none.
    """
    orders = [slopes]
    for number in range(1, len(below)):
        lower, power = orders[-1], RATIO ** (2 * number)
        on_the_rung_below = np.concatenate([below[number - 1][None], lower[:-1]])
        orders.append((power * on_the_rung_below - lower) / (power - 1))
    return np.stack(orders, axis=1)
