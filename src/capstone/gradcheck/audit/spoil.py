"""Bugs in returned gradients: every kind of wrong gradient, of every argument in turn."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.audit.bug import Bug
from capstone.gradcheck.audit.point import Point, differentiable
from capstone.gradcheck.audit.returned import PLANTED, Spoil, Spoiled
from capstone.gradcheck.subjects.subject import Subject

SIZES = (1e-3, 1e-6, 1e-9)  # relative errors of a single entry


def returned_bugs(point: Point, gradients: Sequence[Array]) -> Iterator[Bug]:
    """One bug for each argument and each kind that changes its gradient.

    Args:
        point: whose returned gradients are spoiled.
        gradients: the right ones there.
    """
    arguments = differentiable(point.make())
    for number, (argument, gradient) in enumerate(zip(arguments, gradients, strict=True)):
        for words, spoil in KINDS.items():
            if _changes(spoil, gradient):
                plant = partial(_planted, number=number, spoil=spoil)
                size = OFF.get(words, np.inf)
                yield Bug(f"d({argument.name}): {words}", plant, argument.name, size)
        for source, other in enumerate(gradients):
            if source != number and (other.shape, other.dtype) == (gradient.shape, gradient.dtype):
                plant = partial(_planted, number=number, spoil=_as_it_is, source=source)
                yield Bug(f"d({argument.name}): that of {arguments[source].name}", plant)


def _planted(point: Point, *, number: int, spoil: Spoil, source: int | None = None) -> Subject:
    return Spoiled(point.make(), number, spoil, source)


def _changes(spoil: Spoil, gradient: Array) -> bool:
    if not gradient.any():
        return False
    spoiled = spoil(gradient.copy(), 0.0).astype(gradient.dtype)
    return not np.array_equal(spoiled, gradient)


def _as_it_is(gradient: Array, small: float) -> Array:
    return gradient


def _off_by(size: float) -> Spoil:
    """An entry of median size: the one that a detection floor speaks of."""

    def spoil(gradient: Array, small: float) -> Array:
        flat = gradient.reshape(-1)
        filled = np.flatnonzero(flat)
        middle = filled[np.argsort(np.abs(flat[filled]))[len(filled) // 2]]
        flat[middle] *= 1 + size
        return gradient

    return spoil


def _transposed(gradient: Array, small: float) -> Array:
    """The entries in the order of the transposed array, in the shape that is due."""
    return gradient.mT.reshape(gradient.shape) if gradient.ndim >= 2 else gradient


def _shifted(gradient: Array, small: float) -> Array:
    return np.roll(gradient, 1, axis=-1) if gradient.ndim else gradient


def _without_row(row: int) -> Spoil:
    def spoil(gradient: Array, small: float) -> Array:
        if gradient.ndim:
            gradient[row] = 0
        return gradient

    return spoil


OFF = {f"one entry off by {size:.0e} of itself": size for size in SIZES}
KINDS: dict[str, Callable[[Array, float], Array]] = {
    **{words: PLANTED[words] for words in ("sign flipped", "factor of 2", "no gradient")},
    "factor of 1/2": lambda gradient, small: gradient / 2,
    **{words: _off_by(size) for words, size in OFF.items()},
    "one entry zero": PLANTED["one entry zero"],
    "transposed": _transposed,
    "shifted by one": _shifted,
    "a constant added": lambda gradient, small: gradient + np.abs(gradient).mean(),
    "the first row zero": _without_row(0),
    "the last row zero": _without_row(-1),
}
