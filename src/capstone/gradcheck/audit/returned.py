"""Errors planted in the gradients that a backward pass returns: for code without a source.

Whatever a subject is, these can be planted, because they do not look inside.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.check import Options, check_subject
from capstone.gradcheck.subjects.make_subject import Means, make_subject
from capstone.gradcheck.subjects.subject import Argument, Subject

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


class Spoiled:
    """A subject one of whose gradients comes back spoiled.

    Args:
        subject: the right one.
        number: of the gradient among those that its backward pass gives.
        spoil: what happens to it.
    """

    def __init__(self, subject: Subject, number: int, spoil: Spoil) -> None:
        self.subject, self.number, self.spoil = subject, number, spoil
        self.name, self.arguments = subject.name, subject.arguments
        self.is_reentrant, self.warnings = subject.is_reentrant, subject.warnings

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """As of the right one."""
        return self.subject.forward(values)

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """The gradients, one of them wrong in a copy."""
        gradients = list(self.subject.backward(dy, saved, prefill))
        right = np.array(gradients[self.number])
        if right.any():
            small = min(LARGEST, SMALL * float(np.finfo(right.dtype).eps) / 2)
            gradients[self.number] = self.spoil(right, small).astype(right.dtype)
        return gradients

    def accumulates(self) -> Sequence[bool]:
        """As of the right one."""
        return self.subject.accumulates()

    def twin(self) -> "Spoiled":
        """Another instance, as wrong as this one."""
        return Spoiled(self.subject.twin(), self.number, self.spoil)

    def restored(self) -> AbstractContextManager[None]:
        """As of the right one."""
        return self.subject.restored()


class Missed(NamedTuple):
    """A planted error that a check did not find."""

    error: str
    argument: str

    def __str__(self) -> str:
        return f"{self.error} in d({self.argument})"


def sensitivity(subject: Any, *inputs: Any, **options: Any) -> list[str]:
    """Repeat a check with planted errors, each in another gradient: all of them must be found.

    Args:
        subject: whatever `check` takes, with a right gradient.
        inputs: as for `check`.
        options: those of `check`.

    Returns:
        The errors that were missed, in words; none if the check is as strong as it should be.

    Raises:
        UsageError: as `check` does.
    """
    means = {key: options.pop(key) for key in Means.__annotations__ if key in options}
    name, seed = options.pop("name", ""), options.get("seed", 0)
    made = make_subject(subject, inputs, Means(**means), name=name, seed=seed)
    how = Options(**options)
    right = check_subject(made, how)
    shown = {a.name for a in right.arguments if a.detection_floor < 1}
    able = [n for n, argument in enumerate(_differentiable(made)) if argument.name in shown]
    missed = []
    for count, (error, spoil) in enumerate(PLANTED.items()):
        number = able[count % len(able)] if able else 0
        if check_subject(Spoiled(made, number, spoil), how).ok:
            missed.append(str(Missed(error, _differentiable(made)[number].name)))
    return missed


def _differentiable(subject: Subject) -> list[Argument]:
    return [argument for argument in subject.arguments if argument.is_differentiable]
