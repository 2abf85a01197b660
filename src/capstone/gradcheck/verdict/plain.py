"""Low precision: as good as a plain implementation, within a factor of two.

In float16 a bound that is derived from sizes allows for more than a good implementation errs. What
a plain one in the same precision errs, on the same numbers, says how much is due to the precision.
The truth is its derivative in float64, taken at the very numbers that the low precision holds.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.subjects.subject import Argument, Subject
from capstone.gradcheck.usage import refuse
from capstone.gradcheck.verdict.base import gradients_by_index
from capstone.gradcheck.verdict.compare import Comparison, eps_of

TIMES = 2.0  # the errors of the plain implementation that are allowed


class Wide:
    """A subject at the same numbers in float64.

    Args:
        inner: in any precision.
    """

    def __init__(self, inner: Subject) -> None:
        self.inner, self.name = inner, inner.name
        self.is_reentrant, self.warnings = inner.is_reentrant, inner.warnings
        self.arguments = tuple(_widened(argument) for argument in inner.arguments)

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """As of the inner one."""
        return self.inner.forward(values)

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """As of the inner one."""
        return self.inner.backward(dy, saved, prefill)

    def accumulates(self) -> Sequence[bool]:
        """As of the inner one."""
        return self.inner.accumulates()

    def twin(self) -> "Wide":
        """Another instance, at the same numbers."""
        return Wide(self.inner.twin())

    def restored(self) -> AbstractContextManager[None]:
        """As of the inner one."""
        return self.inner.restored()


def _widened(argument: Argument) -> Argument:
    value = argument.value
    if value.dtype.kind == "f":
        value = value.astype(np.float64)
        value.flags.writeable = False
    return replace(argument, value=value, coarse_eps=0.0)


class Plain:
    """A plain implementation beside the subject, at the same point.

    Args:
        plain: takes what the subject takes.
        subject: what is checked.

    Raises:
        UsageError: they take different arguments, or the precision is not low.
    """

    def __init__(self, plain: Subject, subject: Subject) -> None:
        self.subject = plain
        mine, theirs = (
            [(a.value.shape, str(a.value.dtype)) for a in one.arguments] for one in (subject, plain)
        )
        if mine != theirs:
            rule = "plain must take what the subject takes"
            refuse(rule, expected=_listed(mine), got=_listed(theirs))
        if not any(_is_low(argument) for argument in subject.arguments):
            rule = "plain= is for low precision"
            refuse(rule, expected="float32, float16 or bfloat16", got="float64")
        self.gradients: dict[int, Array] = {}
        self.y: Array = np.zeros(0)

    def run(self, values: Sequence[Array], dy: Array) -> None:
        """What it gives in the low precision."""
        y, saved = self.subject.forward(values)
        self.y = np.array(y)
        self.gradients = gradients_by_index(self.subject, self.subject.backward(dy, saved))

    def judged(self, comparison: Comparison, index: int) -> Comparison:
        """The comparison with twice the largest error of the plain gradient as its bound."""
        truth = comparison.numeric.value
        error = np.abs(comparison.along(self.gradients[index]) - truth).max(initial=0.0)
        own = eps_of(comparison.argument) * np.abs(truth)  # the result itself is rounded
        return replace(comparison, limit=TIMES * error + own)

    def check_forward(self, y: Array, truth: Array) -> Iterator[Finding]:
        """The outputs are held to the same: a backward pass may be right for a wrong forward."""
        if y.shape != truth.shape or self.y.shape != truth.shape:
            words = f"the output has shape {y.shape}, that of plain {self.y.shape}"
            yield Finding("forward", words)
            return
        own, plain = (np.abs(out.astype(float) - truth).max(initial=0.0) for out in (y, self.y))
        rounding = float(np.finfo(y.dtype).eps) * np.abs(truth).max(initial=0.0)
        if not own <= TIMES * plain + rounding:
            words = f"the output is off by {own:.1e}, that of the plain one by {plain:.1e}"
            yield Finding("forward", words)


def _is_low(argument: Argument) -> bool:
    return argument.value.dtype.kind == "f" and argument.eps > float(np.finfo(float).eps)


def _listed(described: list[tuple[tuple[int, ...], str]]) -> str:
    return ", ".join(f"{dtype} {shape}" for shape, dtype in described)
