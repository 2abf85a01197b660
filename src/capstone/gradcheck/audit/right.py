"""What the right backward pass gives at a point and around it, to compare mistaken ones with."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.audit.point import Point, differentiable
from capstone.gradcheck.audit.variations import other_values
from capstone.gradcheck.check import check_subject
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.usage import refuse

OBVIOUS = 1e-6  # relative error of a gradient that every right check finds: its floor lies below


class Variation(NamedTuple):
    """Where gradients are compared."""

    values: Sequence[Array]
    dy: Array
    fill: float
    """What is there already, where gradients are added to."""


class Right:
    """A point with what the right backward pass gives there.

    Raises:
        UsageError: the gradient is wrong, or the subject cannot be checked.
    """

    def __init__(self, point: Point) -> None:
        self.point = point
        made = point.make()
        self.report = check_subject(made, point.how)
        if not self.report.ok:
            rule = f"the gradient of {self.report.name} must be right before bugs are planted"
            got = str(self.report).partition("\n")[0]
            refuse(rule, expected="a check that passes", got=got, function="audit")
        self.floors = {a.name: a.detection_floor for a in self.report.arguments}
        able = differentiable(made)
        self.eps = [argument.eps for argument in able]
        self.sharp = [n for n, a in enumerate(able) if self.floors.get(a.name, 1.0) < OBVIOUS]
        self.variations = _variations(made, np.random.default_rng(self.report.seed))
        self.gradients = [_gradients(made, variation) for variation in self.variations]

    def is_shown_by(self, subject: Subject) -> bool:
        """Does a gradient at the point itself differ so much that any check must find it?"""
        return self._worst(subject, self.sharp) > OBVIOUS

    def difference(self, subject: Subject) -> float:
        """The largest difference at the point itself, relative to the largest entry."""
        return self._worst(subject, range(len(self.eps)))

    def is_equivalent(self, subject: Subject, roundings: float) -> bool:
        """Are all gradients the same, to so many roundings, at every variation of the point?"""
        try:
            spoiled = [_gradients(subject, variation) for variation in self.variations]
        except Exception:  # a backward pass that fails is another one
            return False
        for right, wrong in zip(self.gradients, spoiled, strict=True):
            if right is None or wrong is None:
                return False
            pairs = zip(_errors(right, wrong), self.eps, strict=True)
            if not all(error <= roundings * eps for error, eps in pairs):
                return False
        return True

    def _worst(self, subject: Subject, which: Sequence[int]) -> float:
        try:
            spoiled = _gradients(subject, self.variations[0])
        except Exception:  # a backward pass that fails is found
            return np.inf
        right = self.gradients[0]
        if right is None or spoiled is None:
            return np.inf
        errors = _errors(right, spoiled)
        return max((errors[number] for number in which), default=0.0)


def _errors(right: list[Array], wrong: list[Array]) -> list[float]:
    """The largest error of each gradient, relative to its largest entry."""
    return [_error(a, b) for a, b in zip(right, wrong, strict=True)]


def _error(right: Array, wrong: Array) -> float:
    if np.array_equal(right, wrong, equal_nan=True):
        return 0.0
    with np.errstate(all="ignore"):
        error = float(np.abs(right - wrong).max() / np.abs(right).max())
    return np.inf if np.isnan(error) else error


def _gradients(made: Subject, at: Variation) -> list[Array] | None:
    """What the backward pass gives; None if it gives no arrays of the right kind."""
    with np.errstate(all="ignore"):
        _, saved = made.forward(at.values)
        pairs = zip(at.values, made.arguments, strict=True)
        able = [value for value, argument in pairs if argument.is_differentiable]
        kept = [v for v, is_added in zip(able, made.accumulates(), strict=True) if is_added]
        gradients = made.backward(at.dy, saved, [np.full_like(v, at.fill) for v in kept])
    arrays = [np.array(gradient) for gradient in gradients]
    wanted = [(value.shape, value.dtype) for value in able]
    return arrays if [(array.shape, array.dtype) for array in arrays] == wanted else None


def _variations(made: Subject, rng: np.random.Generator) -> list[Variation]:
    """The point itself, with another upstream gradient, with none, and other points."""
    values = [argument.value for argument in made.arguments]
    dy = _upstream(made, values, rng)
    found = [
        Variation(values, dy, 0.0),
        Variation(values, signed(rng, dy.shape, dy.dtype), 0.5),
        Variation(values, np.zeros_like(dy), 0.0),
    ]
    for _, moved in other_values(values):
        try:
            there = Variation(moved, _upstream(made, moved, rng), 0.0)
            gradients = _gradients(made, there)
        except Exception:  # outside of the domain
            continue
        if gradients is not None and all(np.isfinite(gradient).all() for gradient in gradients):
            found.append(there)
    return found


def _upstream(made: Subject, values: Sequence[Array], rng: np.random.Generator) -> Array:
    with np.errstate(all="ignore"):
        y = np.asarray(made.forward(values)[0])
    return signed(rng, y.shape, y.dtype)
