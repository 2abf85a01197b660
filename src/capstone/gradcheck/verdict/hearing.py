"""A second hearing for what the derived bound calls wrong: edges of the domain, noise, kinks.

None of it excuses a wrong formula: what is looked for lies in the forward pass or in the last digit
of the numbers, and is measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.budget import Budget
from capstone.gradcheck.numeric.complex_step import ComplexStep
from capstone.gradcheck.numeric.evaluator import Evaluator, Numeric, Slopes
from capstone.gradcheck.numeric.jumps import jumps_along
from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.numeric.one_sided import Kinks, OneSided, kinks
from capstone.gradcheck.numeric.probes import nudged
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.verdict.base import Base, gradients_by_index
from capstone.gradcheck.verdict.compare import Comparison, compare_probes, eps_of
from capstone.gradcheck.verdict.noise import allowance, scatter
from capstone.gradcheck.verdict.roots import at_roots
from capstone.gradcheck.verdict.small import beside_outputs, without_truncation
from capstone.gradcheck.verdict.subgradients import (
    TOGETHER,
    agree_together,
    kink_in_words,
    within_reach,
)

GRAY = 1e4  # allowances: an error above is no rounding of the numeric side, which costs to measure
NUMERIC_SAMPLES = 6  # of the scatter of numeric derivatives
AT_ONCE = 16  # disputed directions that are looked at before it is decided to go on
JUMP = 1e3  # roundings of its largest entry that no gradient should err by, excused or not

EvaluatorAt = Callable[[list[Array]], Evaluator]


class Hearing:
    """Judges disputed comparisons once more.

    Args:
        subject: what is checked.
        rng: of directions and of noise.
        warnings: of the report, to add to.
        method: makes the numeric side from an evaluator.
        evaluator_at: of the subject, at other values.
        budget: what it may cost.
    """

    def __init__(
        self,
        subject: Subject,
        rng: np.random.Generator,
        warnings: list[str],
        method: Callable[[Evaluator], Numeric],
        evaluator_at: EvaluatorAt,
        budget: Budget,
    ) -> None:
        self.subject, self.rng, self.warnings = subject, rng, warnings
        self.method, self.evaluator_at, self.budget = method, evaluator_at, budget
        self.forwards = self.backwards = 0

    def judge(self, comparison: Comparison, index: int, base: Base, numeric: Numeric) -> Comparison:
        """The comparison with the bounds, and at an edge the derivatives, that hold there.

        Raises:
            BudgetSpentError: it would take more than is left.
        """
        comparison = self._at_edges(comparison, index, numeric)
        if isinstance(numeric, Ladder):
            comparison = self._said(*at_roots(comparison, index, numeric, self.rng))
        elif isinstance(numeric, ComplexStep):
            comparison = without_truncation(comparison, index, numeric)
        if not comparison.is_wrong.any():
            return comparison
        comparison, is_kink = self._at_kinks(comparison, index, base, numeric)
        if comparison.limit is not None:
            return comparison  # noise has been measured on a plain implementation
        # at a kink one rounding error may choose another branch: that is no noise
        comparison = self._with_measured_noise(comparison, index, base, ~is_kink)
        comparison = self._at_jumps(comparison, index, numeric)
        return self._said(*beside_outputs(comparison, index, numeric.evaluator))

    def _said(self, comparison: Comparison, words: str) -> Comparison:
        """The comparison, once the words, if any, are among the warnings."""
        self.warnings += [words] if words else []
        return comparison

    def _at_edges(self, comparison: Comparison, index: int, numeric: Numeric) -> Comparison:
        """Where the forward pass runs on one side only, the slope to that side is the truth."""
        lost = np.flatnonzero(~np.isfinite(comparison.numeric.value))
        if not lost.size or not isinstance(numeric, Ladder):
            return comparison
        one_sided = OneSided(numeric.evaluator, self.rng)
        slopes = comparison.numeric
        for start in range(0, len(lost), AT_ONCE):
            part = lost[start : start + AT_ONCE]
            moved = {index: comparison.directions_of(part)}
            sides = [one_sided.toward(sign).slopes(moved) for sign in (1.0, -1.0)]
            is_right = np.isfinite(sides[0].value)
            better = Slopes(*(np.where(is_right, *columns) for columns in zip(*sides, strict=True)))
            if not np.isfinite(better.value).any():
                return comparison  # no edge: the forward pass fails all around
            slopes = Slopes(
                *(_with(old, part, new) for old, new in zip(slopes, better, strict=True))
            )
        name = comparison.argument.name
        self.warnings.append(
            f"d({name}): {len(lost)} slopes are those to one side, at the edge of the domain"
        )
        return replace(comparison, numeric=slopes)

    def _at_jumps(self, comparison: Comparison, index: int, numeric: Numeric) -> Comparison:
        """Where the forward pass stands still and jumps, the ladder is climbed again, knowing it.

        A batch of disputed directions without any that is right then ends the search.
        """
        disputed = np.flatnonzero(comparison.is_wrong)
        if not isinstance(numeric, Ladder):
            return comparison
        excused = 0
        for start in range(0, len(disputed), AT_ONCE):
            part = disputed[start : start + AT_ONCE]
            moved = comparison.directions_of(part)
            jumps = jumps_along(numeric.evaluator, index, moved)
            slopes = numeric.slopes({index: moved}, jumps)
            pairs = zip(comparison.numeric, slopes, strict=True)
            again = replace(
                comparison, numeric=Slopes(*(_with(old, part, new) for old, new in pairs))
            )
            is_right = ~again.is_wrong[part]
            if not is_right.any():
                break
            excused += int(is_right.sum())
            pairs = zip(comparison.numeric, again.numeric, strict=True)
            better = Slopes(
                *(_with(old, part[is_right], new[part[is_right]]) for old, new in pairs)
            )
            comparison = replace(comparison, numeric=better)
        if excused:
            words = f"{excused} slopes of a forward pass that moves in jumps there are uncertain"
            self.warnings.append(f"d({comparison.argument.name}): {words}")
        return comparison

    def _with_measured_noise(
        self, comparison: Comparison, index: int, base: Base, may_be_noise: Array
    ) -> Comparison:
        """Where rounding of the terms does not explain an error, measure what rounding does.

        First of the backward pass, which is cheap; where an error is left that is small enough to
        be rounding, of the numeric derivative too.
        """
        if not (comparison.is_wrong & may_be_noise).any():
            return comparison
        moved = self._counted(scatter(self.subject, base, self.rng))
        extra = allowance([comparison.along(sample[index]) for sample in moved])
        before = comparison
        comparison = replace(comparison, extra=comparison.extra + extra * may_be_noise)
        self._warn_of_jumps(before, comparison)
        excess = comparison.error / np.maximum(comparison.allowed, np.finfo(float).tiny)
        gray = np.flatnonzero(comparison.is_wrong & may_be_noise)
        if not gray.size or not excess[gray].max() <= GRAY:
            return comparison
        more = np.zeros(len(comparison.analytic))
        more[gray] = allowance(self._numeric_scatter(comparison, index, gray, base))
        return replace(comparison, extra=comparison.extra + more)

    def _warn_of_jumps(self, before: Comparison, after: Comparison) -> None:
        """What a rounding error moves so far has lost digits somewhere, if it is no mistake."""
        excused = before.is_wrong & ~after.is_wrong
        size = np.maximum(np.abs(after.analytic), np.abs(after.numeric.value))
        far = JUMP * eps_of(after.argument) * float(np.max(size, initial=0.0))
        if (excused & (after.error > far)).any():
            words = "jumps when its inputs move by one rounding: rounded or ill-conditioned inside?"
            self.warnings.append(f"d({after.argument.name}) {words}")

    def _counted(self, samples: Iterator[dict[int, Array]]) -> Iterator[dict[int, Array]]:
        """The samples, each of which takes both passes."""
        self.budget.take()
        for sample in samples:
            self.forwards += 1
            self.backwards += 1
            yield sample
            self.budget.take()

    def _numeric_scatter(
        self, comparison: Comparison, index: int, which: Array, base: Base
    ) -> list[Array]:
        """Movements of some of the numeric derivatives, one array a sample.

        What the sample itself is uncertain by says nothing of the derivative at hand.
        """
        before = comparison.numeric.value[which]
        movements = []
        for _ in range(NUMERIC_SAMPLES):
            evaluator = self.evaluator_at([nudged(self.rng, value) for value in base.values])
            numeric, chunk = self.method(evaluator), evaluator.chunk(index)
            # another length: of `v + (f(v) - v)` one that is a power of two errs the same each time
            length = self.rng.uniform(0.5, 1.5)
            parts = [
                numeric.slopes(
                    {index: length * comparison.directions_of(which[start : start + chunk])}
                )
                for start in range(0, len(which), chunk)
            ]
            value = np.concatenate([part.value for part in parts]) / length
            noise = np.concatenate([part.noise for part in parts]) / length
            self.forwards += evaluator.forwards
            if np.isfinite(value).all():
                movements.append(np.maximum(0.0, np.abs(value - before) - noise))
        return movements

    def _at_kinks(
        self, comparison: Comparison, index: int, base: Base, numeric: Numeric
    ) -> tuple[Comparison, Array]:
        """Where the slope jumps at the point itself, the nearest value in between is the truth.

        A batch of disputed directions without a single kink ends the search: a formula is wrong.

        Returns:
            The comparison, and (n,) booleans: where there is a kink.
        """
        disputed = np.flatnonzero(comparison.is_wrong)
        reach = np.zeros(len(comparison.analytic))
        if not isinstance(numeric, Ladder):
            return comparison, reach > 0
        found = None
        for start in range(0, len(disputed), AT_ONCE):
            part = disputed[start : start + AT_ONCE]
            here = kinks(numeric, index, comparison.directions_of(part))
            if not here.radius.any():
                break
            reach[part] = here.radius
            found = found or (part, here)
        if found is None:
            return comparison, reach > 0
        judged = within_reach(comparison, reach)
        words = kink_in_words(judged, *found)
        is_per_entry = comparison.probes is None
        if is_per_entry and not agree_together(judged, index, numeric, reach, self.rng):
            judged, words = comparison, f"d({comparison.argument.name}): {TOGETHER}"
        self.warnings.append(words)
        if comparison.probes is not None and not judged.is_wrong.any():
            judged = self._beside_kinks(judged, index, base, numeric, found[1])
        return judged, reach > 0

    def _beside_kinks(
        self, comparison: Comparison, index: int, base: Base, numeric: Ladder, found: Kinks
    ) -> Comparison:
        """Outputs at a kink excuse along a whole projection: are the others right without them?

        They are silenced by an upstream gradient of 0. If all are, errors may hide.
        """
        at_kink = np.any(found.outputs, axis=0)  # (number of outputs,)
        dy = np.where(at_kink.reshape(base.dy.shape), 0, base.dy).astype(base.dy.dtype)
        if not dy.any() or np.array_equal(dy, base.dy):
            words = "errors as large as its kinks hide; depth='per_entry' would show them"
            self.warnings.append(f"d({comparison.argument.name}): {words}")
            return comparison
        dy.flags.writeable = False
        values = [value.copy() for value in base.values] if base.may_write else base.values
        self.forwards += 1
        self.backwards += 1
        try:
            _, saved = self.subject.forward(values)
            gradients = [np.asarray(g) for g in self.subject.backward(dy, saved)]
            gradient = gradients_by_index(self.subject, gradients)[index].astype(float)
            comparison.along(gradient)
        except Exception:  # the rules on zeros and on linearity say what is amiss
            return comparison
        silenced = replace(numeric.evaluator, dy=dy.astype(float), forwards=0)
        there = Base(base.values, dy, gradients, base.may_write)
        of_others = Ladder(silenced, self.rng)
        others = compare_probes(comparison.argument, index, gradient, of_others, self.rng)
        others = self.judge(others, index, there, of_others)
        self.forwards += silenced.forwards
        return others if others.is_wrong.any() else comparison


def _with(old: Array, part: Array, new: Array) -> Array:
    changed = old.copy()
    changed[part] = new
    return changed
