"""The numbers: every chosen gradient against the numeric derivative, and the verdicts on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.budget import Budget, BudgetSpentError
from capstone.gradcheck.diagnosis.explain import Explainer
from capstone.gradcheck.numeric.complex_step import ComplexStep, why_not_complex
from capstone.gradcheck.numeric.curve import error_curve
from capstone.gradcheck.numeric.dropped import is_dropped
from capstone.gradcheck.numeric.evaluator import Evaluator, Numeric
from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.outcome import ArgumentReport, Finding
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.usage import refuse
from capstone.gradcheck.verdict.base import Base, gradients_by_index, promote
from capstone.gradcheck.verdict.compare import (
    Comparison,
    compare_entries,
    compare_jointly,
    compare_probes,
    summarize,
)
from capstone.gradcheck.verdict.depth import choose_depth
from capstone.gradcheck.verdict.hearing import Hearing
from capstone.gradcheck.verdict.plain import Plain


class Verifier:
    """Compares gradients at the base point and wherever else it is asked to.

    Args:
        subject: what is checked.
        base: what its passes gave.
        chosen: numbers of the arguments to compare.
        report: to fill.
        rng: of directions and of noise.
        budget: what the comparison may cost.
        searches: for what wrong gradients look like, and for the entries that are wrong.
        plain: a plain implementation in the same low precision, whose errors set the bounds.
    """

    def __init__(
        self,
        subject: Subject,
        base: Base,
        chosen: Sequence[int],
        report: Report,
        rng: np.random.Generator,
        budget: Budget | None = None,
        *,
        searches: bool = True,
        plain: Plain | None = None,
    ) -> None:
        self.subject, self.base, self.chosen, self.report = subject, base, chosen, report
        self.rng, self.budget, self.searches = rng, budget or Budget(None), searches
        self.plain = plain
        self.asked, self.warnings = (report.method, report.depth), list(report.warnings)
        self.method: Callable[[Evaluator], Numeric] = ComplexStep
        self.ignored: dict[int, Array] = {}
        """Which entries no output depends on, by argument: booleans of its shape."""

    def compare(self) -> bool:
        """Fill in the verdict on every chosen argument whose gradient can be compared.

        Returns:
            Whether anything but zeros, to rounding, was compared.
        """
        evaluator = self.evaluator(self.base.values)
        self._choose_method(evaluator)
        numeric = self.method(evaluator)
        if self.report.depth == "auto":
            self.report.depth = choose_depth(numeric, evaluator, self._filled(), self.budget)
        gradients = gradients_by_index(self.subject, self.base.gradients)
        shows_something = False
        comparable = [index for index in self._filled() if self._is_comparable(gradients, index)]
        self.hearing = self._hearing(self.method, self.report.warnings)
        joint = None
        if self.plain:
            self.plain.run(self.base.values, self.base.dy)
        elif self.report.depth == "projection" and comparable == self.chosen:
            joint = self._jointly(gradients, numeric)
        if self.report.depth == "per_entry":
            self._limit(evaluator)
        compared: dict[int, Comparison] = {}
        verdicts: dict[int, ArgumentReport] = {}
        for number, index in enumerate(comparable):
            if number and joint is None and self.budget.is_spent(evaluator.forwards):
                self._leave_out(comparable[number:])
                break
            gradient, shape = gradients[index], self.base.values[index].shape
            try:
                comparison = (
                    joint[index] if joint else self._one(index, gradient, numeric, evaluator)
                )
            except BudgetSpentError:
                self._leave_out(comparable[number:])
                break
            self._limit(evaluator)
            silent = comparison.numeric.is_silent.reshape(-1)
            is_single = self.report.depth == "per_entry" and silent.any()
            if is_single and self._is_dropped(evaluator, index, silent):
                return self._compare_by_ladder(index, evaluator)
            compared[index], verdicts[index] = comparison, self._verdict(comparison)
            shows_something |= comparison.shows_something
            if is_single and not silent.all():
                self.ignored[index] = silent.reshape(shape)
        explain = Explainer(self.subject, evaluator, numeric, gradients, compared, self.rng)
        for index, verdict in verdicts.items():
            if self.searches:
                verdict = self._explained(explain, verdict, index, evaluator)
            self.report.arguments.append(verdict)
        if self.plain:
            y, _ = self.subject.forward(self.base.values)
            self.report.findings += self.plain.check_forward(np.asarray(y), evaluator.base)
        self.report.forwards += evaluator.forwards + self.hearing.forwards
        self.report.backwards += self.hearing.backwards
        return shows_something

    def _is_dropped(self, evaluator: Evaluator, index: int, silent: Array) -> bool:
        """Are the entries silent only because the complex step cannot see them?"""
        if self.report.method != ComplexStep.name:
            return False
        shape = self.base.values[index].shape
        try:
            return is_dropped(evaluator, index, silent.reshape(shape), self.rng)
        except BudgetSpentError:
            return False

    def _compare_by_ladder(self, index: int, evaluator: Evaluator) -> bool:
        """Compare everything anew, because the complex step turns out to be blind for a part."""
        name = self.subject.arguments[index].name
        reason = f"imaginary parts of {name} are dropped on the way"
        method, self.report.depth = self.asked
        if method == "complex":
            self._refuse_complex(reason)
        self.report.warnings[:] = [*self.warnings, f"no complex step: {reason}"]
        self.report.forwards += evaluator.forwards + self.hearing.forwards
        self.report.backwards += self.hearing.backwards
        self.report.method = "ladder"
        self.ignored.clear()
        return self.compare()

    def _refuse_complex(self, reason: str) -> NoReturn:
        rule = "the complex step needs an analytic forward pass"
        got = f"{self.subject.name}: {reason}"
        refuse(rule, expected="one", got=got, mend="use method='ladder'")

    def _limit(self, evaluator: Evaluator) -> None:
        """From here on passes end with the budget."""
        if evaluator.budget is None:
            evaluator.budget = self.budget
            self.budget.taken = self.report.forwards + evaluator.forwards

    def _hearing(self, method: Callable[[Evaluator], Numeric], warnings: list[str]) -> Hearing:
        return Hearing(self.subject, self.rng, warnings, method, self._limited, self.budget)

    def _explained(
        self, explain: Explainer, verdict: ArgumentReport, index: int, evaluator: Evaluator
    ) -> ArgumentReport:
        """The verdict with its diagnosis and its curve, as far as the budget reaches."""
        try:
            verdict = explain.explained(verdict, index, self.report.depth)
            return self._with_curve(verdict, index, evaluator)
        except BudgetSpentError:
            words = "not looked for: the budget was spent before"
            return replace(verdict, diagnosis=verdict.diagnosis or words)

    def _leave_out(self, indices: Sequence[int]) -> None:
        """Gradients that the budget does not reach are not right: nothing is known of them."""
        names = [self.subject.arguments[index].name for index in indices]
        listed = ", ".join(f"d({name})" for name in names)
        words = f"{listed}: not compared, the budget was spent before"
        self.report.findings.append(Finding("budget", words, tuple(names)))

    def _is_comparable(self, gradients: Mapping[int, Array], index: int) -> bool:
        """What breaks the contract of shapes and dtypes has been said, and is left out."""
        gradient = gradients[index]
        has_shape = gradient.shape == self.base.values[index].shape
        return has_shape and gradient.dtype.kind == "f"

    def evaluator(self, values: Sequence[Array]) -> Evaluator:
        """Of the subject, or of the plain implementation if there is one, in float64."""
        promoted = [promote(value) for value in values]
        subject = self.plain.subject if self.plain else self.subject
        return Evaluator(subject, promoted, promote(self.base.dy), self.base.may_write)

    def _limited(self, values: Sequence[Array]) -> Evaluator:
        """The same, within the budget."""
        evaluator = self.evaluator(values)
        evaluator.budget = self.budget
        return evaluator

    def wrong_at(self, values: Sequence[Array], by_ladder: bool = False) -> list[int]:
        """Numbers of the chosen arguments whose gradients are wrong at another point.

        Raises:
            BudgetSpentError: it would take more than is left.
        """
        _, saved = self.subject.forward(values)
        gradients = gradients_by_index(self.subject, self.subject.backward(self.base.dy, saved))
        there = Base(list(values), self.base.dy, list(gradients.values()), self.base.may_write)
        evaluator = self._limited(values)
        method = self._ladder if by_ladder else self.method
        numeric = method(evaluator)
        hearing = self._hearing(method, [])
        wrong = []
        if self._jointly(gradients, numeric) is None:
            for index in self._filled():
                argument = self.subject.arguments[index]
                comparison = compare_probes(argument, index, gradients[index], numeric, self.rng)
                judged = hearing.judge(comparison, index, there, numeric)
                # where there is no derivative to compare with, nobody is to blame
                if (judged.is_wrong & np.isfinite(judged.numeric.value)).any():
                    wrong.append(index)
        self.report.forwards += evaluator.forwards + hearing.forwards + 1
        self.report.backwards += hearing.backwards + 1
        return wrong

    def _filled(self) -> list[int]:
        """Numbers of the chosen arguments that have entries."""
        return [index for index in self.chosen if self.subject.arguments[index].value.size]

    def _jointly(
        self, gradients: Mapping[int, Array], numeric: Numeric
    ) -> dict[int, Comparison] | None:
        """All chosen gradients by the same few probes; None unless that shows them to be right.

        The ladder finds one scale for one argument: it takes them one by one.
        """
        if numeric.name != ComplexStep.name:
            return None
        arguments = {index: self.subject.arguments[index] for index in self._filled()}
        comparisons = compare_jointly(arguments, gradients, numeric, self.rng)
        is_wrong = any(comparison.is_wrong.any() for comparison in comparisons.values())
        return None if is_wrong else comparisons

    def _choose_method(self, evaluator: Evaluator) -> None:
        """Settle on the complex step, or say why not and fall back to real numbers."""
        reason = "asked for" if self.report.method == "ladder" else ""
        if not reason:
            reason = why_not_complex(evaluator, self.rng)
            if reason and self.report.method == "complex":
                self._refuse_complex(reason)
            if reason:
                self.report.warnings.append(f"no complex step: {reason}")
        if reason:
            self.method = self._ladder
        self.report.method = Ladder.name if reason else ComplexStep.name

    def _ladder(self, evaluator: Evaluator) -> Ladder:
        return Ladder(evaluator, self.rng)

    def _one(
        self, index: int, gradient: Array, numeric: Numeric, evaluator: Evaluator
    ) -> Comparison:
        argument = self.subject.arguments[index]
        if self.report.depth == "projection":
            comparison = compare_probes(argument, index, gradient, numeric, self.rng)
        else:
            comparison = compare_entries(argument, index, gradient, numeric, evaluator)
        if self.plain:
            comparison = self.plain.judged(comparison, index)
        self._limit(evaluator)  # one projection has been made, whatever it cost
        try:
            return self.hearing.judge(comparison, index, self.base, numeric)
        except BudgetSpentError:
            words = "disagrees, and the budget was spent before noise and kinks were looked at"
            finding = Finding("budget", f"d({argument.name}): {words}", (argument.name,))
            self.report.findings.append(finding)
            return comparison

    def _with_curve(
        self, verdict: ArgumentReport, index: int, evaluator: Evaluator
    ) -> ArgumentReport:
        """A disputed entry's distance from central differences by their step joins the verdict."""
        shape = evaluator.values[index].shape
        has_entry = len(verdict.worst) == len(shape) and np.isfinite(verdict.analytic)
        if verdict.is_right or not has_entry:
            return verdict
        entry = int(np.ravel_multi_index(verdict.worst, shape)) if shape else 0
        return replace(verdict, curve=error_curve(evaluator, index, entry, verdict.analytic))

    def _verdict(self, comparison: Comparison) -> ArgumentReport:
        verdict = summarize(comparison, self.report.depth)
        if verdict.is_right and verdict.detection_floor >= 1:
            lost = f"is lost in rounding: {verdict.allowed:.0e} would not show"
            zero = "is zero here on both sides, which shows nothing about it"
            words = f"d({verdict.name}) {lost if verdict.allowed > 0 else zero}"
            self.report.warnings.append(words)
        return verdict
