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
BENDS = (1e2, 1e4, 1e6)  # roundings by which inputs move, up and down, for a second difference
BENDS_EACH = 6
STRAIGHT = 1e-4  # relative: what bends over so short a way is no curve, but rounding
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
    eps = float(np.finfo(base.dy.dtype).eps)
    for roundings in BENDS * BENDS_EACH:
        bend = _bend(subject, base, rng, roundings) if roundings * eps <= STRAIGHT else None
        if bend is not None:
            yield bend  # and, as an entry often bends by nothing by chance, the largest for all
            yield {i: np.full(b.shape, np.max(np.abs(b), initial=0)) for i, b in bend.items()}


def _bend(
    subject: Subject, base: Base, rng: np.random.Generator, roundings: float
) -> dict[int, Array] | None:
    """Second differences of all gradients, which leave but rounding where a curve looks straight.

    Small numbers that go through a large one, as `(g + dy) - dy`, come out in coarse steps: what
    moves by one rounding error does not move the result at all, and yet it is off.
    """
    before = gradients_by_index(subject, base.gradients)
    steps = [nudged(rng, v, roundings) - v if v.dtype.kind == "f" else v * 0 for v in base.values]
    dy_step = nudged(rng, base.dy, roundings) - base.dy
    try:
        plus, minus = (
            _gradients(subject, [v + s * d for v, d in pairs], base.dy + s * dy_step)
            for s in (1, -1)
            for pairs in [list(zip(base.values, steps, strict=True))]
        )
        bends = {index: plus[index] - 2 * before[index] + minus[index] for index in before}
    except Exception:  # as for the samples
        return None
    if not all(_is_rounding(bends[index], before[index], base.dy) for index in bends):
        return None
    return bends


def _gradients(subject: Subject, values: Sequence[Array], dy: Array) -> dict[int, Array]:
    """Of all arguments, at a point of its own."""
    _, saved = subject.forward(values)
    return gradients_by_index(subject, subject.backward(dy, saved))


def _is_rounding(movement: Array, gradient: Array, dy: Array) -> bool:
    """Is this a movement of such a gradient, and a small one?"""
    is_alike = movement.shape == gradient.shape and movement.dtype.kind == "f"
    is_finite = is_alike and bool(np.isfinite(movement).all())
    return is_finite and not _is_lost(movement, gradient, dy)


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
    pairs = [(moved[index], before[index]) for index in moved]
    is_alike = all(m.shape == b.shape and m.dtype.kind == "f" for m, b in pairs)
    if not is_alike or not all(np.isfinite(movement).all() for movement in moved.values()):
        return None
    is_lost = inside and any(_is_lost(moved[index], before[index], base.dy) for index in moved)
    return None if is_lost else moved


def _is_lost(movement: Array, gradient: Array, dy: Array) -> bool:
    """Has a gradient moved by more than rounding of any number at hand explains?"""
    largest = max(float(np.max(np.abs(array), initial=0)) for array in (gradient, dy))
    eps = np.finfo(
        np.result_type(gradient.dtype, np.float16)
    ).eps  # whole numbers are a mistake too
    limit = LOST * float(eps) * largest
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
