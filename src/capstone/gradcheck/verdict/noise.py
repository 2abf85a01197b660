"""Measured noise: what moves when every number is moved by one rounding error.

Where a computation cancels, its result has lost more digits than the size of its terms tells. Then
nothing but the computation itself can say how many: run again with inputs, upstream gradient and
saved values changed in their last digit, it scatters by about the error that it carries anyway.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.probes import nudged
from capstone.gradcheck.subjects.arrays import arrays_in
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.verdict.base import Base, gradients_by_index

SAMPLES = 8  # cheap: a forward and a backward pass each
SAFETY = 8.0  # times the largest of the samples: an error may be larger than all of them
LOST = 1e6  # roundings of the largest number at hand: what scatters further lost a branch


def scatter(subject: Subject, base: Base, rng: np.random.Generator) -> Iterator[dict[int, Array]]:
    """Movements of all gradients by argument, one dictionary a sample that could be taken.

    One at a time: they may be large.
    """
    for inside in (False, True) if subject.is_reentrant else (False,):
        for _ in range(SAMPLES):
            sample = _sample(subject, base, rng, inside)
            if sample is not None:
                yield sample


def _sample(
    subject: Subject, base: Base, rng: np.random.Generator, inside: bool
) -> dict[int, Array] | None:
    """Movements of all gradients, with the saved values moved too if asked for; None if useless.

    A backward pass that compares saved values with each other loses its branches when they are
    moved independently. That is no rounding, and must excuse no error.
    """
    before = gradients_by_index(subject, base.gradients)
    try:
        _, saved = subject.forward([nudged(rng, value) for value in base.values])
        saved = _nudged_inside(rng, saved) if inside else saved
        after = gradients_by_index(subject, subject.backward(nudged(rng, base.dy), saved))
        moved = {index: after[index] - before[index] for index in before}
    except Exception:  # one rounding error may leave the domain: nothing is learned there
        return None
    if not all(np.isfinite(movement).all() for movement in moved.values()):
        return None
    is_lost = inside and any(_is_lost(moved[index], before[index], base.dy) for index in moved)
    return None if is_lost else moved


def _is_lost(movement: Array, gradient: Array, dy: Array) -> bool:
    """Has a gradient moved by more than rounding of any number at hand explains?"""
    largest = max(float(np.max(np.abs(array), initial=0)) for array in (gradient, dy))
    limit = LOST * float(np.finfo(gradient.dtype).eps) * largest
    return bool(np.max(np.abs(movement), initial=0) > limit)


def allowance(samples: Sequence[Array]) -> Array | float:
    """The error to allow where the samples moved that far; 0 if there are none."""
    return SAFETY * np.max(np.abs(samples), axis=0) if len(samples) else 0.0


def _nudged_inside(rng: np.random.Generator, saved: Any) -> Any:
    """A copy of saved values with every array in it moved by one rounding error."""
    try:
        moved = copy.deepcopy(saved)
    except Exception:  # locks, generators, open files: leave them as they are
        return saved
    for array in arrays_in(moved):
        if array.flags.writeable:
            array[...] = nudged(rng, array)
    return moved
