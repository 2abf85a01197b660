"""From wrong comparisons to explained verdicts, once all arguments have been compared."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.budget import BudgetSpentError
from capstone.gradcheck.diagnosis.everywhere import NO_DERIVATIVE, not_finite_in_words
from capstone.gradcheck.diagnosis.evidence import Evidence, Known
from capstone.gradcheck.diagnosis.fingerprints import Diagnosis, diagnose
from capstone.gradcheck.diagnosis.sample import Sample, grid_of, measured
from capstone.gradcheck.numeric.complex_step import ComplexStep
from capstone.gradcheck.numeric.evaluator import Evaluator, Numeric
from capstone.gradcheck.numeric.probes import one_hots
from capstone.gradcheck.outcome import ArgumentReport
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.verdict.compare import LOCALIZE_CALLS, Comparison, find_wrong_entries
from capstone.gradcheck.warnings_here import warnings_here

MOST_MEASURED = 200  # entries that are measured one by one to explain a projection
LARGEST_JACOBIAN = 1 << 19  # entries times the numbers that each touches: 8 MiB
MOST_SLOW = 8  # the same where each takes dozens of forward passes


class Search(NamedTuple):
    """What bisection found: wrong entries, and whether these are all."""

    entries: list[int]
    probes: int

    @property
    def is_complete(self) -> bool:
        """Did it end of itself?"""
        return self.probes < LOCALIZE_CALLS


class Explainer:
    """Explains what is wrong with everything at hand.

    Args:
        subject: what was checked.
        evaluator: of the subject, at the point of the check.
        numeric: the method by which it was compared.
        gradients: analytic ones, by argument.
        comparisons: by argument.
        rng: of the search for wrong entries.
    """

    def __init__(
        self,
        subject: Subject,
        evaluator: Evaluator,
        numeric: Numeric,
        gradients: Mapping[int, Array],
        comparisons: Mapping[int, Comparison],
        rng: np.random.Generator,
    ) -> None:
        self.subject, self.evaluator, self.numeric = subject, evaluator, numeric
        self.gradients, self.comparisons, self.rng = gradients, comparisons, rng

    @cached_property
    def analytic(self) -> dict[int, Array]:
        """The compared gradients in float64."""
        return {index: np.asarray(self.gradients[index], float) for index in self.comparisons}

    def explained(self, verdict: ArgumentReport, index: int, depth: str) -> ArgumentReport:
        """The verdict on argument number `index` with its diagnosis, if it is wrong."""
        if verdict.is_right:
            return verdict
        comparison = self.comparisons[index]
        if depth == "per_entry":
            numeric, is_wrong = comparison.numeric.value, comparison.is_wrong
            evidence = self._evidence(index, numeric, is_wrong, _noise(comparison))
            return _with(verdict, diagnose(evidence))
        if not np.isfinite(comparison.numeric.value).all():
            return _with(verdict, Diagnosis("undefined", NO_DERIVATIVE))
        bad = not_finite_in_words(self.gradients[index])
        return _with(verdict, Diagnosis("nan", bad)) if bad else self._searched(verdict, index)

    def _searched(self, verdict: ArgumentReport, index: int) -> ArgumentReport:
        """Explain by the few entries that are wrong, or by a sample of many."""
        argument, gradient = self.subject.arguments[index], self.gradients[index]
        search = Search(*find_wrong_entries(argument, index, gradient, self.numeric, self.rng))
        if search.is_complete and not search.entries:
            return _with(verdict, Diagnosis("", "the projection along a random direction is off"))
        if search.is_complete and len(search.entries) <= self._most(index):
            return self._by_entries(verdict, index, search)
        return self._by_sample(verdict, index, search)

    def _by_entries(self, verdict: ArgumentReport, index: int, search: Search) -> ArgumentReport:
        """All wrong entries are known, hence the whole gradient."""
        sample = self._measured(index, np.array(search.entries))
        numeric = self.analytic[index].reshape(-1).copy()
        numeric[search.entries] = sample.comparison.numeric.value
        is_wrong = np.zeros(numeric.size, bool)
        is_wrong[search.entries] = True
        evidence = self._evidence(index, numeric, is_wrong, _noise(sample.comparison))
        kind, words = diagnose(evidence)
        verdict = sample.worst_into(verdict, wrong=len(search.entries))
        if not is_wrong.all():
            words += f" (found by bisection, in {search.probes} probes)"
        return _with(verdict, Diagnosis(kind, words))

    def _by_sample(self, verdict: ArgumentReport, index: int, search: Search) -> ArgumentReport:
        """Wrong entries are many: a few of every axis stand for the others."""
        shape = self.gradients[index].shape
        grid = grid_of(shape, self._most(index))
        entries = np.arange(self.gradients[index].size).reshape(shape)[np.ix_(*grid)]
        sample = self._measured(index, entries.reshape(-1))
        comparison = sample.comparison
        verdict = sample.worst_into(
            verdict, wrong=max(len(search.entries), int(comparison.is_wrong.sum()))
        )
        is_sample = entries.size < self.gradients[index].size
        evidence = self._evidence(
            index,
            comparison.numeric.value,
            comparison.is_wrong,
            _noise(comparison),
            grid if is_sample else None,
        )
        kind, words = diagnose(evidence)
        words += f" ({entries.size} entries measured)" if is_sample else ""
        return _with(verdict, Diagnosis(kind, words))

    def _most(self, index: int) -> int:
        """How many entries are measured one by one at most."""
        is_fast = self.numeric.name == ComplexStep.name or self.evaluator.is_stackable([index])
        return MOST_MEASURED if is_fast else MOST_SLOW

    def _measured(self, index: int, entries: Array) -> Sample:
        argument, gradient = self.subject.arguments[index], self.gradients[index]
        chunk = self.evaluator.chunk(index)
        return measured(argument, index, gradient, self.numeric, entries, chunk)

    def _evidence(
        self,
        index: int,
        numeric: Array,
        is_wrong: Array,
        noise: float,
        grid: tuple[Array, ...] | None = None,
    ) -> Evidence:
        argument = self.subject.arguments[index]
        shape = argument.value.shape if grid is None else tuple(map(len, grid))
        return Evidence(
            argument.name,
            argument.value,
            self.analytic[index],
            numeric.reshape(shape),
            is_wrong.reshape(shape),
            noise,
            tuple(self._known(i) for i in range(len(self.subject.arguments)) if i != index),
            self.evaluator.dy,
            self.evaluator.base,
            numbers_in(getattr(self.subject, "options", {})),
            cache(partial(self._jacobian, index, grid)),
            grid,
            partial(self._slopes_at, index),
        )

    def _jacobian(self, index: int, grid: tuple[Array, ...] | None) -> Array | None:
        """(entries, *y.shape) by one complex step each; None if it is large or not to be had."""
        shape = self.subject.arguments[index].value.shape
        numbers = np.arange(self.gradients[index].size).reshape(shape)
        entries = (numbers if grid is None else numbers[np.ix_(*grid)]).reshape(-1)
        touched = entries.size * (numbers.size + self.evaluator.dy.size)
        if not isinstance(self.numeric, ComplexStep) or touched > LARGEST_JACOBIAN:
            return None
        try:
            step, y = self.numeric.outputs({index: one_hots(entries, shape)})
        except (
            Exception,
            BudgetSpentError,
        ):  # a forward may refuse so many perturbations at a time
            return None
        return np.asarray(y.imag / step) if np.isfinite(y).all() else None

    def _slopes_at(
        self, index: int, replaced: Mapping[str, Array], directions: Array
    ) -> Array | None:
        """Complex steps (P,) where other values stand in for some arguments, or for dy, by name."""
        if not isinstance(self.numeric, ComplexStep):
            return None
        named = zip(self.subject.arguments, self.evaluator.values, strict=True)
        values = [np.array(replaced.get(argument.name, value)) for argument, value in named]
        dy = replaced.get("dy", self.evaluator.dy)
        there = replace(self.evaluator, values=values, dy=dy, forwards=0)
        try:
            with warnings_here("ignore"):
                slopes = [ComplexStep(there).slopes({index: d[None]}).value for d in directions]
        except (Exception, BudgetSpentError):  # a forward may refuse such values
            return None
        finally:
            self.evaluator.forwards += there.forwards
        return np.concatenate(slopes)

    def _known(self, index: int) -> Known:
        """Another argument; its true gradient is the numeric one, or its own if that is right."""
        argument, comparison = self.subject.arguments[index], self.comparisons.get(index)
        if comparison is None:
            return Known(argument.name, argument.value)
        analytic = self.analytic[index]
        gradient: Array | None = analytic
        if comparison.is_wrong.any():
            by_entry = comparison.numeric.value.size == analytic.size and comparison.probes is None
            gradient = comparison.numeric.value.reshape(analytic.shape) if by_entry else None
        return Known(argument.name, argument.value, gradient, analytic)


def numbers_in(options: Mapping[str, object]) -> dict[str, float]:
    """Those options that are finite numbers."""
    numbers = {name: _number(value) for name, value in options.items()}
    return {name: number for name, number in numbers.items() if np.isfinite(number)}


def _number(value: object) -> float:
    """As a float; NaN for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")


def _noise(comparison: Comparison) -> float:
    """The largest allowance of an entry."""
    allowed = comparison.allowed[np.isfinite(comparison.allowed)]
    return float(allowed.max(initial=0))


def _with(verdict: ArgumentReport, diagnosis: Diagnosis) -> ArgumentReport:
    return replace(verdict, kind=diagnosis.kind, diagnosis=diagnosis.words)
