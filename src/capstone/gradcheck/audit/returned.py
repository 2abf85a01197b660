"""Errors planted in the gradients that a backward pass returns: for code without a source.

Whatever a subject is, these can be planted, because they do not look inside.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.audit.point import Point, Wrapped, differentiable
from capstone.gradcheck.check import Options, check_subject
from capstone.gradcheck.subjects.subject import Subject

Spoil = Callable[[Array, float], Array]
"""A wrong gradient from the right one and a small number of its precision."""

SMALL = 1e10  # roundings that a wrong entry is off by: 1e-6 in float64 ...
LARGEST = 0.5  # ... but never by more than this share of itself


def _one_entry(gradient: Array, small: float) -> Array:
    largest = np.argmax(np.abs(gradient))
    gradient.reshape(-1)[largest] *= 1 + small
    return gradient


def _one_zero(gradient: Array, small: float) -> Array:
    gradient.reshape(-1)[np.argmax(np.abs(gradient))] = 0
    return gradient


PLANTED: dict[str, Spoil] = {
    "one entry slightly off": _one_entry,
    "one entry zero": _one_zero,
    "sign flipped": lambda gradient, small: -gradient,
    "factor of 2": lambda gradient, small: 2 * gradient,
    "no gradient": lambda gradient, small: 0 * gradient,
}


class Spoiled(Wrapped):
    """A subject one of whose gradients comes back spoiled.

    Args:
        subject: the right one.
        number: of the gradient among those that its backward pass gives.
        spoil: what happens to it.
        source: the number of the gradient that is spoiled and takes its place, if not itself.
    """

    def __init__(
        self, subject: Subject, number: int, spoil: Spoil, source: int | None = None
    ) -> None:
        super().__init__(subject)
        self.number, self.spoil = number, spoil
        self.source = number if source is None else source

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """The gradients, one of them wrong in a copy."""
        gradients = list(self.subject.backward(dy, saved, prefill))
        right = np.array(gradients[self.source])
        if right.any():
            small = min(LARGEST, SMALL * float(np.finfo(right.dtype).eps) / 2)
            gradients[self.number] = self.spoil(right, small).astype(right.dtype)
        return gradients


class Missed(NamedTuple):
    """A planted error that a check did not find."""

    error: str
    argument: str

    def __str__(self) -> str:
        return f"{self.error} in d({self.argument})"


def sensitivity(subject: Any, *inputs: Any, **options: Any) -> list[str]:
    """Repeat a check with planted errors, at least one in each gradient: all must be found.

    Args:
        subject: whatever `check` takes, with a right gradient.
        inputs: as for `check`.
        options: those of `check`.

    Returns:
        The errors that were missed, in words; none if the check is as strong as it should be.

    Raises:
        UsageError: as `check` does.
    """
    point = Point(subject, inputs, options)
    made, how, errors = point.make(), point.how, list(PLANTED.items())
    numbers = [n for n, argument in enumerate(made.arguments) if argument.is_differentiable]
    right = check_subject(made, how)
    shown = {a.name for a in right.arguments if a.detection_floor < 1}
    arguments = differentiable(made)
    able = [n for n, argument in enumerate(arguments) if argument.name in shown] or [0]
    missed = []
    for count, (error, spoil) in enumerate(errors):
        places = range(count, max(len(errors), len(able)), len(errors))
        lot = [able[place % len(able)] for place in places]
        is_alone = right.depth == "per_entry"  # the verdict on a gradient without the others'
        narrow = replace(how, depth="per_entry", wrt=[numbers[n] for n in lot])
        for part in [lot] if is_alone else [lot[:1], lot[1:]]:
            passed = _passed(made, part, spoil, narrow if is_alone else how)
            missed += [str(Missed(error, arguments[number].name)) for number in passed]
    return missed


def _passed(made: Subject, lot: Sequence[int], spoil: Spoil, how: Options) -> list[int]:
    """Those of some gradients that a check lets pass when all of them are spoiled at once.

    What it does not call wrong then is tried alone, as a rule of the protocol may find it.
    """
    if not lot:
        return []
    wrong = made
    for number in lot:
        wrong = Spoiled(wrong, number, spoil)
    report = check_subject(wrong, how)
    if len(lot) == 1:
        return list(lot) if report.ok else []
    names = [argument.name for argument in differentiable(made)]
    doubtful = [number for number in lot if names[number] not in report.wrong_arguments]
    return [number for number in doubtful if _passed(made, [number], spoil, how)]
