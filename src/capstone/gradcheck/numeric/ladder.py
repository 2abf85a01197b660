"""The noise-limited ladder: central differences that know how far to trust themselves.

The step climbs by sqrt(10) from the rounding-dominated end. While neighbors agree within their
rounding bounds, a larger step only reduces the noise; the first disagreement means that truncation
has arrived. One more step back truncation is ten times smaller, hence below the noise, and there
twice the rounding bound holds. No tolerance is asked for, and none is guessed.

Two rungs together also give a difference whose truncation goes with the fourth power of the step,
and three one with the sixth (Richardson's extrapolation). These climb ladders of their own by the
same rule, farther up, where rounding is smaller; the least noisy of the three is the result.

Where neighbors disagree before any plateau has formed, truncation cannot be the cause: the forward
pass is rougher than its rounding bound says, and the bound is raised until it explains what was
seen.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Directions, Evaluator, Slopes, scale_of
from capstone.gradcheck.numeric.roughness import NUDGES, Roughness

SAFETY = 8.0  # roundings of a forward pass, in units of eps * sum|terms|, that may line up
LOWEST, HIGHEST = -13.0, -1.0  # decimal exponents of the step, in units of the scale
DEEPEST = 30.0  # decades below the array's scale at which small entries get steps of their own
PLATEAU = 2  # agreements in a row that make one
RUNGS = 16  # that are evaluated by one call where they can be stacked
# Rounding of a difference of second, fourth and sixth order, in units of that of its own rung: with
# a ratio r of steps, (r**2 * r + 1) / (r**2 - 1) = 3.6, and (r**4 * 3.6 * r + 3.6) / (r**4 - 1).
RATIO = 10**0.5
NOISES = (1.0, 3.63, 11.7)
SMALLEST_SCALE = 1e-290  # steps below it would be too few digits long
# Of the scale: steps that show which outputs depend on a direction. A saturated one moves by less
# than a rounding unless the step is large.
TOUCHES = (0.3, 1e-2, 1e-5)


class Ladder:
    """Differentiates a forward pass that takes real numbers only.

    Args:
        evaluator: of the subject, at a point of float64 values.
        rng: for the samples of noise.
        lowest: decimal exponent of the first step; a higher one saves forwards and suits functions
            that are smooth at that scale.
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
        nudges: Sequence[float] = NUDGES,
    ) -> None:
        self.evaluator, self.lowest = evaluator, lowest
        self.roughness = Roughness(evaluator, rng, nudges)

    def slopes(self, directions: Directions, jumps: Array | float = 0.0) -> Slopes:
        """Derivatives along P directions, each through one argument or several at once.

        `jumps` (P,) are known to move `<dy, y>` beyond its roughness.
        """
        eps, values = float(np.finfo(float).eps), self.evaluator.values
        count = len(next(iter(directions.values())))
        climb, jumps = _Climbs(count), np.broadcast_to(jumps, count)
        # in units of the direction: what its largest and its smallest entries can bear
        bounds = [scales(values[index], moved) for index, moved in directions.items()]
        scale, own = (np.min(column, axis=0) for column in zip(*bounds, strict=True))  # (P,) each
        depth = int(np.ceil(2 * np.log10((scale / own).max(initial=1))))  # extra rungs
        rungs = np.arange(int(2 * (HIGHEST - self.lowest)) + depth + 1)
        touched = self._touched(directions, scale)  # (P, number of outputs)
        first = 0
        while climb.goes_on.any() and first < len(rungs):
            steps = own * 10.0 ** (self.lowest + rungs[first:, None] / 2)  # (rungs left, P)
            on = np.flatnonzero(climb.goes_on & (steps[0] <= 1.01 * scale * 10.0**HIGHEST))
            if not on.size:
                break
            steps = steps[: self._at_once(directions, len(on)), on]  # (R, P still climbing)
            chosen = {index: moved[on] for index, moved in directions.items()}
            for step, rung in zip(steps, self._rungs(chosen, steps, touched[on]), strict=True):
                still = climb.goes_on[on] & (step <= 1.01 * scale[on] * 10.0**HIGHEST)
                slope, size, silent, rounding = (column[still] for column in rung)
                moves = eps * size * (own[on] + step)[still]  # rounding of the perturbed entries
                noise = rounding + moves + jumps[on[still]]
                climb.add(on[still], slope, size, silent, noise, step[still])
            first += len(steps)
        return climb.slopes()

    def _at_once(self, directions: Directions, count: int) -> int:
        """How many rungs to evaluate by one call: a few where that costs no more than one."""
        if not self.evaluator.is_stackable(directions):
            return 1
        return max(1, min(RUNGS, self.evaluator.chunk(*directions) // (2 * count)))

    def _touched(self, directions: Directions, scale: Array) -> Array:
        """(P, number of outputs) booleans: which outputs a direction moves at all."""
        touched = np.zeros((len(scale), self.evaluator.dy.size), bool)
        for relative in TOUCHES:
            ((y,),) = stepped(self.evaluator, directions, relative * scale[None], (1.0,))
            touched |= y != self.evaluator.base.reshape(-1)
        return touched

    def _rungs(
        self, directions: Directions, steps: Array, touched: Array
    ) -> Iterator[tuple[Array, Array, Array, Array]]:
        """For each row of steps (R, P): slopes, sizes of their terms, silence, and rounding."""
        slopes = self._quotients(directions, steps)  # (R, P, number of outputs)
        for rung in slopes:
            products, moved = rung * self.evaluator.dy.reshape(-1), rung != 0
            rounding = self.amplification * self.roughness.of(touched | moved)
            yield (
                products.sum(axis=-1),
                np.abs(products).sum(axis=-1),
                ~moved.any(axis=-1),
                rounding,
            )

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
        placed = np.multiply.outer(multiples, steps).reshape(-1, rungs, count, *(1,) * x.ndim)
        points = placed * moved
        points += x  # in place: arrays may be large
        variants[index] = points.reshape(-1, *x.shape)
    return evaluator.outputs(variants).reshape(len(multiples), rungs, count, -1)


class _Climbs:
    """Where each of P directions stands on its three ladders, one an order of truncation."""

    def __init__(self, count: int) -> None:
        self.orders = [_Climb(count, factor) for factor in NOISES]
        self.below = [np.full(count, np.nan) for _ in NOISES]  # what the rung below gave

    @property
    def goes_on(self) -> Array:
        """(P,) booleans: at least one order may still profit from a larger step."""
        return np.asarray(np.any([climb.goes_on for climb in self.orders], axis=0))

    def add(
        self, at: Array, slope: Array, size: Array, silent: Array, rounding: Array, step: Array
    ) -> None:
        """The next rung for the directions numbered `at`."""
        power, is_lost = 1.0, ~np.isfinite(slope)
        for climb, below in zip(self.orders, self.below, strict=True):
            extrapolated = below[at]
            below[at] = slope
            on = climb.goes_on[at] & (is_lost | ~np.isnan(slope))  # the first rungs lack one below
            columns = (at, slope, size, silent, rounding, step)
            climb.add(*(column[on] for column in columns))
            power *= RATIO**2
            slope = (power * extrapolated - slope) / (power - 1)

    def slopes(self) -> Slopes:
        """Of each direction the least noisy result, and whether nothing ever moved.

        A higher order is noisier on the same rung and may cross, unnoticed, a feature that a lower
        one has seen: it counts only where it lies within the noise of all orders below.
        """
        lowest = self.orders[0]
        value, noise, terms = lowest.value, lowest.noise, lowest.terms
        for number, climb in enumerate(self.orders[1:], start=1):
            agrees = [
                np.abs(climb.value - other.value) <= climb.noise + other.noise
                for other in self.orders[:number]
            ]
            is_better = np.all(agrees, axis=0) & (climb.noise < noise)
            value = np.where(is_better, climb.value, value)
            noise = np.where(is_better, climb.noise, noise)
            terms = np.where(is_better, climb.terms, terms)
        return Slopes(value, noise, terms, lowest.is_silent)


class _Climb:
    """Where each of P directions stands on one ladder."""

    def __init__(self, count: int, factor: float) -> None:
        self.factor = factor
        self.roughness = np.zeros(count)  # what rounding of known size does not explain
        self.goes_on = np.ones(count, bool)
        self.agreements = np.zeros(count, int)
        self.value, self.noise = np.full(count, np.nan), np.full(count, np.inf)
        self.previous, self.bound = np.full(count, np.nan), np.full(count, np.inf)
        self.terms, self.is_silent = np.zeros(count), np.ones(count, bool)

    def add(
        self, at: Array, slope: Array, size: Array, silent: Array, rounding: Array, step: Array
    ) -> None:
        """The next rung for the directions numbered `at`."""
        self.is_silent[at] &= silent
        restarts = self._judge_roughness(at, slope, rounding, step)
        bound = self._bound(at, rounding, step)
        difference = np.abs(slope - self.previous[at])
        agrees = difference <= bound + self.bound[at]
        up = np.isfinite(slope) & (restarts | agrees)
        on, fresh = at[up], restarts[up]
        # the rung below the current one is the one to keep: after a restart there is none
        self.value[on] = np.where(fresh, slope[up], self.previous[on])
        # and without a plateau truncation is as good an explanation of what was seen as roughness
        alone = np.fmax(bound[up], difference[up])
        self.noise[on] = 2 * np.where(fresh, alone, self.bound[on])
        self.agreements[on] = np.where(fresh, 0, self.agreements[on] + 1)
        self.previous[on], self.bound[on], self.terms[on] = slope[up], bound[up], size[up]
        self.goes_on[at] = up

    def _judge_roughness(self, at: Array, slope: Array, rounding: Array, step: Array) -> Array:
        """Booleans: the climb starts (again) here; a disagreement before any plateau is noise."""
        difference = np.abs(slope - self.previous[at])
        agrees = difference <= self._bound(at, rounding, step) + self.bound[at]
        is_first = np.isnan(self.previous[at])
        rough = ~is_first & ~agrees & (self.agreements[at] < PLATEAU) & np.isfinite(slope)
        # bound + previous bound must reach the difference, hence the factor of one previous step
        explained = difference * step / (SAFETY * self.factor * (1 + RATIO))
        self.roughness[at] += np.where(rough, explained, 0.0)
        return np.asarray(is_first | rough)

    def _bound(self, at: Array, rounding: Array, step: Array) -> Array:
        """How far rounding may move the slope at this step."""
        return np.asarray(SAFETY * self.factor * (self.roughness[at] + rounding) / step)


def scales(value: Array, directions: Array) -> tuple[Array, Array]:
    """(P,) each: steps along the directions that are as large as `value`, and as what they move.

    The second is the smallest nonzero entry that a direction moves: its first steps must suit it.
    """
    count = len(directions)
    lengths = np.abs(directions).reshape(count, -1).max(axis=1, initial=0)  # (P,)
    lengths = np.where(lengths > 0, lengths, 1.0)
    sizes = np.where(directions != 0, np.abs(value), 0.0).reshape(count, -1)
    sizes[sizes == 0] = np.inf
    scale = max(SMALLEST_SCALE, scale_of(value))
    smallest = np.clip(sizes.min(axis=1, initial=np.inf), SMALLEST_SCALE, scale)
    # the range of steps is bounded: from below, unless there is one entry alone to suit
    is_alone = np.isfinite(sizes).sum(axis=1) == 1
    is_alone &= np.count_nonzero(directions.reshape(count, -1), axis=1) == 1
    smallest = np.where(is_alone, smallest, np.maximum(smallest, scale * 10.0**-DEEPEST))
    largest = np.minimum(scale, smallest * 10.0**DEEPEST)
    return largest / lengths, smallest / lengths
