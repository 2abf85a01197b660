"""Which layer of a layer is the first to be wrong: each one alone, as the whole one runs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from capstone.errors import UsageError
from capstone.gradcheck.budget import BudgetSpentError
from capstone.gradcheck.localize.spies import Call, Record, parts_of, watched
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.arrays import as_array
from capstone.gradcheck.subjects.layers import LayerSubject
from capstone.gradcheck.subjects.names import Names
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.verdict.base import Base

Judge = Callable[[Subject, Any, str], Report]
"""Checks a part, with an upstream gradient and a depth."""

ENTRY_WORK = 2e7  # entries times numbers of a part that is compared entry by entry: 0.2 seconds
MOST_CALLS = 64  # that are checked
MOST_WRONG = 4  # after which the search ends


def locate_layers(subject: LayerSubject, base: Base, report: Report, judge: Judge) -> list[str]:
    """One sentence, or none if the layer has no parts.

    Args:
        subject: the layer that was found wrong.
        base: where, and the upstream gradient.
        report: of the check that found it wrong.
        judge: checks a part.
    """
    try:
        whole = subject.twin()
    except Exception:  # what cannot be copied has its classes back at the end
        whole = subject
    parts = parts_of(whole.layer, subject.names)
    if not parts:
        return []
    with watched(parts, subject.names) as record:
        error = _run(whole, base, record)
    search = Search(subject.names, report, judge)
    search.run(record.backwards)
    return [f"layers: {search.words(subject.name, record, error)}"]


def _run(whole: LayerSubject, base: Base, record: Record) -> str:
    """Both passes, to have them recorded; what they raise, in words."""
    try:
        writable = [value.copy() for value in base.values] if base.may_write else base.values
        _, saved = whole.forward(writable)
        record.is_backward = True
        whole.backward(base.dy.copy() if base.may_write else base.dy, saved)
    except Exception as error:  # the record holds what ran until then
        return f"{type(error).__name__}: {error}"
    return ""


@dataclass
class Search:
    """The verdicts on the parts, one after the other.

    Args:
        names: what the parts call their passes and parameters.
        whole: the report on what they are parts of.
        judge: checks a part.
    """

    names: Names
    whole: Report
    judge: Judge
    right: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    """By name of the call: what is wrong."""
    unknown: list[str] = field(default_factory=list)
    composite: set[str] = field(default_factory=set)
    """Calls of layers that have layers inside."""
    n_left: int = 0

    def run(self, calls: Sequence[Call]) -> None:
        """Check the calls in their order, but not what holds a layer that is wrong already."""
        guilty: set[int] = set()
        for number, call in enumerate(calls):
            if number >= MOST_CALLS or len(self.wrong) >= MOST_WRONG:
                self.n_left = len(calls) - number
                return
            if call.part.inside & guilty:
                continue
            if call.part.inside:
                self.composite.add(call.name)
            try:
                words = self._fault(call)
            except BudgetSpentError:
                self.n_left = len(calls) - number
                return
            if words is None:
                self.unknown.append(call.name)
            elif words:
                self.wrong[call.name] = words
                guilty.add(id(call.part.layer))
            else:
                self.right.append(call.name)

    def _fault(self, call: Call) -> str | None:
        """What is wrong with one call; empty if nothing, None if it cannot be checked alone."""
        if call.error:
            return f"backward raises {call.error}"
        try:
            part = self._subject(call)
            report = self.judge(part, _usable(call.upstream), self._depth(part))
        except Exception:  # a part may need what the whole one gives it
            return None
        if any(finding.rule == "budget" for finding in report.findings):
            return None
        wrong = [f"d({name})" for name in report.wrong_arguments]
        if wrong and (self.whole.wrong_arguments or not self.whole.arguments):
            few = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
            return f"{few} wrong"
        # a part may break a rule that does not matter where it stands
        broken = {f.rule for f in report.findings} & {f.rule for f in self.whole.findings}
        return f"breaks the rule {min(broken)}" if broken else ""

    def _subject(self, call: Call) -> LayerSubject:
        """The part alone; without parameters if it does not list them as the whole one does."""
        if call.options:
            raise UsageError("arguments by name are no inputs of a subject")
        try:
            part = LayerSubject(call.part.layer, call.inputs, self.names)
        except UsageError:
            part = LayerSubject(call.part.layer, call.inputs, replace(self.names, parameters=()))
        part.name = call.name
        return part

    @staticmethod
    def _depth(part: LayerSubject) -> str:
        entries = sum(a.value.size for a in part.arguments if a.is_differentiable)
        return "per_entry" if entries**2 <= ENTRY_WORK else "projection"

    def words(self, name: str, record: Record, error: str) -> str:
        """The sentence."""
        total = len(record.backwards)
        silent = [call.name for calls in record.open.values() for call in calls]
        never = f"; {silent[0]}.backward is never called" if silent and not error else ""
        if not self.wrong:
            return f"{self._nothing(name, total)}{never}"
        first, words = next(iter(self.wrong.items()))
        more = list(self.wrong)[1:]
        if first in self.composite and "raises" not in words:
            whose = "those of its parts that could be checked" if self.unknown else "its parts"
            return f"{first}: {words}, by its own lines; all of {whose} are right{never}"
        place = f"first of {total} layers in backward order"
        if more:
            rest = f"wrong too: {', '.join(more[:3])}"
        else:
            whose = "those checked" if self.n_left or self.unknown else "the others"
            rest = f"{whose} are right" if self.right else "the only one that was checked"
        return f"{first}: {words}; {place}, {rest}"

    def _nothing(self, name: str, total: int) -> str:
        if self.n_left or (self.unknown and not self.right):
            return f"{len(self.right)} of {total} layers are right, the others were not checked"
        unknown = f" ({len(self.unknown)} could not be checked alone)" if self.unknown else ""
        n = len(self.right)
        inside = f"all {n} layers inside are right" if n > 1 else "the one layer inside is right"
        return f"the own lines of {name}: {inside}{unknown}"


def _usable(upstream: Any) -> Any:
    """The upstream gradient; None, for a random one, where it would show nothing."""
    array = as_array(upstream)
    if array is None or array.dtype.kind != "f" or not np.isfinite(array).all():
        return None
    return upstream if array.any() else None
