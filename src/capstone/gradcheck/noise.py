"""Measured noise: what moves when every number is moved by one rounding error.

Where a computation cancels, its result has lost more digits than the size of its terms tells. Then
nothing but the computation itself can say how many: run again with inputs, upstream gradient and
saved values changed in their last digit, it scatters by about the error that it carries anyway.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.arrays import arrays_in
from capstone.gradcheck.base import Base, gradients_by_index
from capstone.gradcheck.probes import nudged
from capstone.gradcheck.subjects import Subject

SAMPLES = 8  # cheap: a forward and a backward pass each
SAFETY = 8.0  # times the largest of the samples: an error may be larger than all of them


def scatter(subject: Subject, base: Base, rng: np.random.Generator) -> list[dict[int, Array]]:
    """Movements of all gradients by argument, one dictionary a sample that could be taken."""
    before = gradients_by_index(subject, base.gradients)
    moved = []
    for _ in range(SAMPLES):
        try:
            values = [nudged(rng, value) for value in base.values]
            _, saved = subject.forward(values)
            if subject.is_reentrant:
                saved = _nudged_inside(rng, saved)
            after = gradients_by_index(subject, subject.backward(nudged(rng, base.dy), saved))
            sample = {index: after[index] - before[index] for index in before}
        except Exception:  # one rounding error may leave the domain: nothing is learned there
            continue
        if all(np.isfinite(movement).all() for movement in sample.values()):
            moved.append(sample)
    return moved


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
