"""How far rounding may move the output of a forward pass: derived from sizes, and measured."""

from collections.abc import Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Evaluator
from capstone.gradcheck.numeric.probes import nudged

# Roundings by which the inputs move to show how rough the forward pass is. One output may stay on
# its straight line by luck a few times, when it moves in jumps.
NUDGES = (1, 5, 3e1, 1e3, 1e4)
FAR_NUDGES = (3e7, 1e8)  # and to show jumps: 1e8 is a third of one rounding of float32


class Roughness:
    """The uncertainty of `<dy, y>`, output by output, because a step may move but some of them.

    Args:
        evaluator: of the subject, at a point of float64 values.
        rng: for the nudges.
        nudges: by how many roundings the inputs move.
    """

    def __init__(
        self, evaluator: Evaluator, rng: np.random.Generator, nudges: Sequence[float] = NUDGES
    ) -> None:
        self.evaluator = evaluator
        terms = np.abs(evaluator.dy * evaluator.base).reshape(-1)
        eps = np.finfo(np.result_type(evaluator.base.dtype, np.float16)).eps  # of the output
        derived = float(eps) * terms
        near = [self._bend(self._moves(rng, roundings)) for roundings in nudges]
        is_still = ~np.logical_or.reduce([bend != 0 for bend in near])  # (number of outputs,)
        far = [self._far_bend(rng, roundings) for roundings in FAR_NUDGES if is_still.all()]
        self.bends = [bend for bend in (*near, *far) if np.isfinite(bend).all()]
        self.derived = derived * self._usual(derived, is_still)  # (number of outputs,)

    @property
    def largest(self) -> Array:
        """(number of outputs,) the most that each output was seen or derived to err by itself."""
        return np.asarray(np.max(np.abs([self.derived, *self.bends]), axis=0))

    def of(self, touched: Array) -> Array:
        """(..., P) for steps that move some of the outputs: booleans (..., P, number of outputs).

        Measured errors of the outputs add up as they did in the sample, or as independent ones.
        Where nothing moves, all may have moved by less than can be seen.
        """
        chosen = (touched | ~touched.any(axis=-1, keepdims=True)).astype(float)
        largest = chosen @ self.derived  # (..., P)
        for bend in self.bends:
            size = float(np.max(np.abs(bend), initial=0)) or 1.0  # whose square may overflow
            aligned = np.abs(chosen @ bend)
            independent = size * np.sqrt(chosen @ (bend / size) ** 2)
            largest = np.maximum(largest, np.maximum(aligned, independent))
        return np.asarray(largest)

    def _far_bend(self, rng: np.random.Generator, roundings: float) -> Array:
        """The same farther out, for a forward pass that did not notice any of the nudges.

        It may be flat between jumps: small numbers beside a large one, a lower precision inside.
        Curvature, of which four times the bend at half the distance is as much, is taken off.
        """
        moves = self._moves(rng, roundings)
        return np.asarray(self._bend(moves) - 4 * self._bend([move / 2 for move in moves]))

    def _usual(self, derived: Array, is_still: Array) -> Array:
        """How much rougher than derived an output is that was lucky in all samples.

        As the middle one of all outputs; one that notices no nudges, as the roughest that does.
        """
        worst = np.zeros(derived.size)
        for bend in self.bends:
            np.maximum(worst, np.abs(bend), out=worst)
        ratios = np.divide(worst, derived, out=np.zeros(derived.size), where=derived > 0)
        usual = float(np.median(ratios[derived > 0])) if (derived > 0).any() else 1.0
        return np.where(is_still, ratios.max(initial=1.0), max(1.0, usual))

    def _moves(self, rng: np.random.Generator, roundings: float) -> list[Array]:
        """How far so many rounding errors move each argument; integers stay."""
        values = self.evaluator.values
        return [nudged(rng, v, roundings) - v if v.dtype.kind == "f" else v * 0 for v in values]

    def _bend(self, directions: Sequence[Array]) -> Array:
        """How far dy * y is from a straight line, where it must look like one.

        Second differences; NaN where a step leaves the domain.
        """
        evaluator = self.evaluator
        try:
            plus, minus = (
                evaluator.output([v + s * d for v, d in pairs])
                for s in (1, -1)
                for pairs in [list(zip(evaluator.values, directions, strict=True))]
            )
        except Exception:  # one rounding error may leave the domain
            return np.full(evaluator.dy.size, np.nan)
        return np.asarray(evaluator.dy * (plus - 2 * evaluator.base + minus)).reshape(-1)
