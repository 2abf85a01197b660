"""The noise-limited ladder: central differences that know how far to trust themselves.

The step climbs by sqrt(10) from the rounding-dominated end. While neighbors agree within their
rounding bounds, a larger step only reduces the noise; the first disagreement means that truncation
has arrived. One more step back truncation is ten times smaller, hence below the noise, and there
twice the rounding bound holds. No tolerance is asked for, and none is guessed.

Where neighbors disagree before any plateau has formed, truncation cannot be the cause: the forward
pass is rougher than its rounding bound says, and the bound is raised until it explains what was
seen.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Directions, Evaluator, Slopes, scale_of
from capstone.gradcheck.numeric.probes import nudged

SAFETY = 8.0  # roundings of a forward pass, in units of eps * sum|terms|, that may line up
LOWEST, HIGHEST = -13.0, -1.0  # decimal exponents of the step, in units of the scale
DEEPEST = 30.0  # decades below the array's scale at which small entries get steps of their own
PLATEAU = 2  # agreements in a row that make one
RUNGS = 4  # that are evaluated by one call where they can be stacked
NUDGES = (1, 1e2, 1e4)  # roundings by which the inputs move to show how rough the forward is
FAR_NUDGE = 1e8  # and to show jumps: a third of one rounding of float32


class Ladder:
    """Differentiates a forward pass that takes real numbers only.

    Args:
        evaluator: of the subject, at a point of float64 values.
        rng: for the samples of noise.
        lowest: decimal exponent of the first step; a higher one saves forwards and suits functions
            that are smooth at that scale.
        enough: relative noise at which to stop climbing; 0 climbs as far as it can.
        nudges: by how many roundings the inputs move to show how rough the forward is.
    """

    name = "noise-limited ladder"
    amplification = 1.0
    """Roundings of the output in one difference, in units of those of a central one."""

    def __init__(
        self,
        evaluator: Evaluator,
        rng: np.random.Generator,
        *,
        lowest: float = LOWEST,
        enough: float = 0.0,
        nudges: Sequence[float] = NUDGES,
    ) -> None:
        self.evaluator, self.lowest, self.enough = evaluator, lowest, enough
        terms = evaluator.dy * evaluator.base
        eps = np.finfo(np.result_type(evaluator.base.dtype, np.float16)).eps  # of the output
        derived = float(eps) * float(np.abs(terms).sum())
        self.rounding = max(derived, self._roughness(rng, nudges))

    def _roughness(self, rng: np.random.Generator, nudges: Sequence[float]) -> float:
        """How far `<dy, y>` is from a straight line where it must look like one.

        A forward pass that does not notice the nudges may be flat between jumps (small numbers
        beside a large one, a lower precision inside). A far nudge shows that, with its curvature,
        of which four times the bend at half the distance is as much.
        """
        bends = [self._bend(self._moves(rng, roundings)) for roundings in nudges]
        if not any(bends):
            far = self._moves(rng, FAR_NUDGE)
            bends.append(self._bend(far) - 4 * self._bend([move / 2 for move in far]))
        sizes = np.abs(bends)
        return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))

    def _moves(self, rng: np.random.Generator, roundings: float) -> list[Array]:
        """How far so many rounding errors move each argument; integers stay."""
        values = self.evaluator.values
        return [nudged(rng, v, roundings) - v if v.dtype.kind == "f" else v * 0 for v in values]

    def _bend(self, directions: Sequence[Array]) -> float:
        """The second difference of `<dy, y>`; NaN where a step leaves the domain."""
        evaluator = self.evaluator
        try:
            plus, minus = (
                evaluator.output([v + s * d for v, d in pairs])
                for s in (1, -1)
                for pairs in [list(zip(evaluator.values, directions, strict=True))]
            )
        except Exception:  # one rounding error may leave the domain
            return float("nan")
        return float((evaluator.dy * (plus - 2 * evaluator.base + minus)).sum())

    def slopes(self, directions: Directions) -> Slopes:
        """Derivatives along P directions, each through one argument or several at once."""
        eps, values = float(np.finfo(float).eps), self.evaluator.values
        count = len(next(iter(directions.values())))
        climb = _Climb(count, self.rounding * self.amplification, self.enough)
        # in units of the direction: what its largest and its smallest entries can bear
        bounds = [scales(values[index], moved) for index, moved in directions.items()]
        scale, own = (np.min(column, axis=0) for column in zip(*bounds, strict=True))  # (P,) each
        depth = int(np.ceil(2 * np.log10((scale / own).max(initial=1))))  # extra rungs
        rungs = np.arange(int(2 * (HIGHEST - self.lowest)) + depth + 1)
        first = 0
        while climb.goes_on.any() and first < len(rungs):
            steps = own * 10.0 ** (self.lowest + rungs[first:, None] / 2)  # (rungs left, P)
            on = np.flatnonzero(climb.goes_on & (steps[0] <= 1.01 * scale * 10.0**HIGHEST))
            if not on.size:
                break
            steps = steps[: self._at_once(directions, len(on)), on]  # (R, P still climbing)
            chosen = {index: moved[on] for index, moved in directions.items()}
            for step, rung in zip(steps, self._rungs(chosen, steps), strict=True):
                still = climb.goes_on[on] & (step <= 1.01 * scale[on] * 10.0**HIGHEST)
                slope, size, silent = (column[still] for column in rung)
                moves = eps * size * (own[on] + step)[still]  # rounding of the perturbed entries
                climb.add(on[still], slope, size, silent, moves, step[still])
            first += len(steps)
        return climb.slopes()

    def _at_once(self, directions: Directions, count: int) -> int:
        """How many rungs to evaluate by one call: a few where that costs no more than one."""
        if not self.evaluator.is_stackable(directions):
            return 1
        return max(1, min(RUNGS, self.evaluator.chunk(*directions) // (2 * count)))

    def _rungs(self, directions: Directions, steps: Array) -> Iterator[tuple[Array, Array, Array]]:
        """For each row of steps (R, P): slopes, sizes of their terms, and whether nothing moved."""
        slopes = self._quotients(directions, steps)  # (R, P, number of outputs)
        products = slopes * self.evaluator.dy.reshape(-1)
        is_silent = ~(slopes != 0).any(axis=-1)
        return zip(products.sum(axis=-1), np.abs(products).sum(axis=-1), is_silent, strict=True)

    def _quotients(self, directions: Directions, steps: Array) -> Array:
        """(R, P, number of outputs) central differences."""
        plus, minus = stepped(self.evaluator, directions, steps, (1.0, -1.0))
        return np.asarray((plus - minus) / (2 * steps[..., None]))


def stepped(
    evaluator: Evaluator, directions: Directions, steps: Array, multiples: Sequence[float]
) -> Array:
    """(len(multiples), R, P, number of outputs): y at multiples of the steps (R, P)."""
    rungs, count = steps.shape
    variants = {}
    for index, moved in directions.items():
        x = evaluator.values[index]
        by = (steps.reshape(rungs, count, *(1,) * x.ndim) * moved).reshape(-1, *x.shape)
        variants[index] = np.concatenate([x + multiple * by for multiple in multiples])
    return evaluator.outputs(variants).reshape(len(multiples), rungs, count, -1)


class _Climb:
    """Where each of P directions stands on its ladder."""

    def __init__(self, count: int, rounding: float, enough: float) -> None:
        self.enough = enough
        self.rounding = np.full(count, rounding)
        self.goes_on = np.ones(count, bool)
        self.agreements = np.zeros(count, int)
        self.value, self.noise = np.full(count, np.nan), np.full(count, np.inf)
        self.previous, self.bound = np.full(count, np.nan), np.full(count, np.inf)
        self.terms, self.is_silent = np.zeros(count), np.ones(count, bool)

    def add(
        self, at: Array, slope: Array, size: Array, silent: Array, moves: Array, step: Array
    ) -> None:
        """The next rung for the directions numbered `at`."""
        bound = SAFETY * (self.rounding[at] + moves) / step
        is_first = np.isnan(self.previous[at])
        self.is_silent[at] &= silent
        difference = np.abs(slope - self.previous[at])
        agrees = difference <= bound + self.bound[at]
        rough = ~is_first & ~agrees & (self.agreements[at] < PLATEAU) & np.isfinite(slope)
        # bound + previous bound must reach the difference, hence the factor of one previous step
        explained = difference * step / (SAFETY * (1 + np.sqrt(10)))
        self.rounding[at] = np.where(rough, self.rounding[at] + explained, self.rounding[at])
        bound = SAFETY * (self.rounding[at] + moves) / step
        restarts = is_first | rough
        up = np.isfinite(slope) & (restarts | agrees)
        on, fresh = at[up], restarts[up]
        # the rung below the current one is the one to keep: after a restart there is none
        self.value[on] = np.where(fresh, slope[up], self.previous[on])
        self.noise[on] = 2 * np.where(fresh, bound[up], self.bound[on])
        self.agreements[on] = np.where(fresh, 0, self.agreements[on] + 1)
        self.previous[on], self.bound[on], self.terms[on] = slope[up], bound[up], size[up]
        is_enough = (self.agreements[at] >= PLATEAU) & (self.noise[at] < self.enough * size)
        self.goes_on[at] = up & ~is_enough

    def slopes(self) -> Slopes:
        """The result; silence is no proof of a slope of 0: what is too small to move y is noise."""
        return Slopes(self.value, self.noise, self.terms, self.is_silent)


def scales(value: Array, directions: Array) -> tuple[Array, Array]:
    """(P,) each: steps along the directions that are as large as `value`, and as what they move.

    The second is the smallest nonzero entry that a direction moves: its first steps must suit it.
    """
    count = len(directions)
    lengths = np.abs(directions).reshape(count, -1).max(axis=1, initial=0)  # (P,)
    lengths = np.where(lengths > 0, lengths, 1.0)
    sizes = np.where(directions != 0, np.abs(value), 0.0).reshape(count, -1)
    sizes[sizes == 0] = np.inf
    scale = scale_of(value)
    smallest = np.clip(sizes.min(axis=1, initial=np.inf), scale * 10.0**-DEEPEST, scale)
    return scale / lengths, smallest / lengths
