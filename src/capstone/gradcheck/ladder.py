"""The noise-limited ladder: central differences that know how far to trust themselves.

The step climbs by sqrt(10) from where rounding dominates. While neighbours agree within their
rounding bounds, a larger step only reduces the noise; the first disagreement means that truncation
has arrived. One more step back truncation is ten times smaller, hence below the noise, and there
twice the rounding bound holds. No tolerance is asked for, and none is guessed.
"""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric import Evaluator, Slopes, scale_of
from capstone.gradcheck.probes import nudged

SAFETY = 8.0  # roundings of a forward pass, in units of eps * sum|terms|, that may line up
LOWEST, HIGHEST = -13.0, -1.0  # decimal exponents of the step, in units of the scale
NOISE_SAMPLES = 3  # forwards with inputs moved by one rounding error


class Ladder:
    """Differentiates a forward pass that takes real numbers only.

    Args:
        evaluator: of the subject, at a point of float64 values.
        rng: for the samples of noise.
    """

    name = "noise-limited ladder"

    def __init__(self, evaluator: Evaluator, rng: np.random.Generator) -> None:
        self.evaluator = evaluator
        dy = evaluator.dy
        base = evaluator.output(evaluator.values)
        samples = [
            evaluator.output([nudged(rng, value) for value in evaluator.values])
            for _ in range(NOISE_SAMPLES)
        ]
        measured = max(abs(float((dy * (sample - base)).sum())) for sample in samples)
        self.rounding = max(np.finfo(float).eps * float(np.abs(dy * base).sum()), measured)

    def slopes(self, index: int, directions: Array) -> Slopes:
        """Derivatives along `directions` (P, *shape) of argument number `index`."""
        count = len(directions)
        scale = scale_of(self.evaluator.values[index])
        value, noise = np.zeros(count), np.full(count, np.inf)
        previous, bound = np.full(count, np.nan), np.full(count, np.inf)
        terms, is_silent = np.zeros(count), np.ones(count, bool)
        climbing = np.ones(count, bool)
        for exponent in np.arange(LOWEST, HIGHEST + 0.25, 0.5):
            step = scale * 10.0**exponent
            active = np.flatnonzero(climbing)
            slope, size, silent = self._central(index, directions[active], step)
            rounding = SAFETY * (self.rounding + np.finfo(float).eps * size * scale) / step
            is_first = np.isnan(previous[active])
            agrees = np.abs(slope - previous[active]) <= rounding + bound[active]
            goes_on = np.isfinite(slope) & (is_first | agrees)
            climbing[active] = goes_on
            up = active[goes_on]
            # the rung below the current one is the one to keep: on the first there is none
            fresh = is_first[goes_on]
            value[up] = np.where(fresh, slope[goes_on], previous[up])
            noise[up] = 2 * np.where(fresh, rounding[goes_on], bound[up])
            previous[up], bound[up], terms[up] = slope[goes_on], rounding[goes_on], size[goes_on]
            is_silent[active] &= silent
            if not climbing.any():
                break
        return Slopes(value, noise, terms, is_silent)

    def _central(self, index: int, directions: Array, step: float) -> tuple[Array, Array, Array]:
        """Slopes, sizes of their terms, and whether nothing moved, one a direction."""
        x, dy = self.evaluator.values[index], self.evaluator.dy
        both = np.concatenate([x + step * directions, x - step * directions])
        with np.errstate(all="ignore"):
            y = self.evaluator.outputs(index, both)  # (2 P, *y.shape)
            count = len(directions)
            moved = (y[:count] - y[count:]).reshape(count, -1)
            products = moved * dy.reshape(-1) / (2 * step)
        is_silent = np.asarray(~moved.any(axis=1))
        return products.sum(axis=1), np.abs(products).sum(axis=1), is_silent
