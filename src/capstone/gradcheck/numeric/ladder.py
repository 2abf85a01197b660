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

from collections.abc import Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.climbs import Climbs, Rungs
from capstone.gradcheck.numeric.evaluator import Directions, Evaluator, Slopes, scale_of
from capstone.gradcheck.numeric.roughness import NUDGES, Roughness

LOWEST, HIGHEST = -13.0, -1.0  # decimal exponents of the step, in units of the scale
DEEPEST = 30.0  # decades below the array's scale at which small entries get steps of their own
RUNGS = 16  # that are evaluated by one call where they can be stacked
SMALLEST_SCALE = 1e-290  # steps below it would be too few digits long
# Of the scale: steps that show which outputs depend on a direction. The smallest comes first: where
# it runs, calls can be stacked. Far ones, to both sides, bring a saturated output back that moves
# by less than a rounding before: no exponential is larger than 0 and saturated beyond 745.
TOUCHES = ((1e-5, 1e-2, 0.3), (1e3, -1e3))


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
        values = self.evaluator.values
        count = len(next(iter(directions.values())))
        climbs, jumps = Climbs(count), np.broadcast_to(jumps, count)
        # in units of the direction: what its largest and its smallest entries can bear
        bounds = [scales(values[index], moved) for index, moved in directions.items()]
        scale, own = (np.min(column, axis=0) for column in zip(*bounds, strict=True))  # (P,) each
        depth = int(np.ceil(2 * np.log10((scale / own).max(initial=1))))  # extra rungs
        rungs = np.arange(int(2 * (HIGHEST - self.lowest)) + depth + 1)
        highest = 1.01 * scale * 10.0**HIGHEST  # (P,)
        touched = outputs_touched(self.evaluator, directions, scale)  # (P, number of outputs)
        first = 0
        while first < len(rungs):
            steps = own * 10.0 ** (self.lowest + rungs[first:, None] / 2)  # (rungs left, P)
            on = np.flatnonzero(climbs.goes_on.any(axis=0) & (steps[0] <= highest))
            if not on.size:
                break
            steps = steps[: self._at_once(directions, len(on)), on]  # (R, P still climbing)
            chosen = {index: moved[on] for index, moved in directions.items()}
            part = climbs.of(on)
            part.add(self._rungs(chosen, steps, touched[on], own[on], jumps[on]), highest[on])
            climbs.put(on, part)
            first += len(steps)
        return climbs.slopes()

    def _at_once(self, directions: Directions, count: int) -> int:
        """How many rungs to evaluate by one call: a few where that costs no more than one."""
        if not self.evaluator.is_stackable(directions):
            return 1
        return max(1, min(RUNGS, self.evaluator.chunk(*directions) // (2 * count)))

    def _rungs(
        self, directions: Directions, steps: Array, touched: Array, own: Array, jumps: Array
    ) -> Rungs:
        """One for each row of steps (R, P)."""
        slopes = self.quotients(directions, steps)  # (R, P, number of outputs)
        moved = slopes != 0
        products = np.multiply(slopes, self.evaluator.dy.reshape(-1), out=slopes)  # may be large
        slope, terms = products.sum(axis=-1), np.abs(products, out=products).sum(axis=-1)
        rounding = self.amplification * self.roughness.of(touched | moved)
        # and that of the perturbed entries
        rounding += np.finfo(float).eps * terms * (own + steps) + jumps
        return Rungs(steps, slope, terms, ~moved.any(axis=-1), rounding)

    def quotients(self, directions: Directions, steps: Array) -> Array:
        """(R, P, number of outputs) central differences."""
        plus, minus = stepped(self.evaluator, directions, steps, (1.0, -1.0))
        moves = plus - minus
        moves /= 2 * steps[..., None]
        return np.asarray(moves)


def outputs_touched(evaluator: Evaluator, directions: Directions, scale: Array) -> Array:
    """(P, number of outputs) booleans: which outputs a direction moves at all.

    One that it moves by less than a rounding counts: that much is missing in the differences.
    """
    base = evaluator.base.reshape(-1)
    touched = np.zeros((len(scale), base.size), bool)
    at_once = max(1, evaluator.chunk(*directions) // len(scale))
    starts = [(some, n) for some in TOUCHES for n in range(0, len(some), at_once)]
    for relative, start in starts:
        part = np.array(relative[start : start + at_once])
        y = stepped(evaluator, directions, np.multiply.outer(part, scale), (1.0,))[0]
        fails = np.isnan(y).all(axis=-1, keepdims=True)  # which says nothing from far away
        is_far = np.abs(part)[:, None, None] > 1
        touched |= ((y != base) & ~(fails & is_far)).any(axis=0)
    return touched


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
