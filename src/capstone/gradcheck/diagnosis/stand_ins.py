"""Explanations by another point: the wrong gradient is right where other values stand.

A backward pass that multiplies by `w` for `w.T` gives the gradient of a forward pass in which `w.T`
stands. Such a gradient is judged by its derivatives along a few random directions, one forward pass
each, so that many stand-ins can be tried.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence, Known
from capstone.gradcheck.diagnosis.orders import readings

LEAST = 4  # entries that must be right, of several values
DIRECTIONS = 4  # beside one another they miss an error in no entry
SPREAD = 4.0  # standard deviations of what an explanation may leave, summed along a direction
MOST_HEADS = 64  # that an axis is split into

Replaced = tuple[str, Mapping[str, Array]]
"""What stands in for what, in words and by name."""


def untransposed(e: Evidence) -> str:
    """Right if a matrix stood transposed."""
    words = _found(e, chain.from_iterable(map(_transposes, _real(e))))
    return f"right if {words}: is it transposed once too often, or not at all?" if words else ""


def misread(e: Evidence) -> str:
    """Right if an argument stood in another order, or had its axis split the other way round."""
    orders = chain.from_iterable(map(_orders, (*_real(e), *_of_kind(e, "iu"))))
    words = _found(e, chain(orders, _splits(e)))
    return f"right if {words}: is it read in the wrong order?" if words else ""


def another(e: Evidence) -> str:
    """Right if one argument stood where another does."""
    words = _found(e, _others(e))
    return f"right if {words}: one for the other?" if words else ""


def opposite(e: Evidence) -> str:
    """Right if an argument had the other sign."""
    negated = ((f"-{k.name} stood for {k.name}", {k.name: -k.value}) for k in _real(e))
    words = _found(e, negated)
    return f"right if {words}: is a sign flipped, or a comparison turned round?" if words else ""


def leftover(e: Evidence) -> str:
    """Right if 1 - t stood for t."""
    rests = ((f"1 - {k.name} stood for {k.name}", {k.name: 1 - k.value}) for k in _real(e))
    words = _found(e, rests)
    return f"right if {words}: one for the other?" if words else ""


def other_mask(e: Evidence) -> str:
    """Right for another mask: inverted, of everything, that of the first example."""
    words = _found(e, chain.from_iterable(map(_masks, _of_kind(e, "b"))))
    return f"right if {words}: another mask than in the forward pass?" if words else ""


def other_ids(e: Evidence) -> str:
    """Right for the next ids, or the ones before."""
    words = _found(e, chain.from_iterable(map(_next_ids, _of_kind(e, "iu"))))
    return f"right if {words}: off by one?" if words else ""


def _found(e: Evidence, candidates: Iterable[Replaced]) -> str:
    """The first stand-in with which the gradient is right."""
    if not e.is_clear or e.numeric.size < LEAST:
        return ""
    directions = [_direction(e, seed) for seed in range(DIRECTIONS)]
    said = [float((direction * e.whole).sum()) for direction in directions]
    allowed = SPREAD * e.slack * e.numeric.size**0.5
    for words, replaced in candidates:
        if all(  # most end at the first
            slope is not None and abs(slope[0] - one) <= allowed
            for direction, one in zip(directions, said, strict=True)
            for slope in (e.at(replaced, direction[None]),)
        ):
            return words
    return ""


def _direction(e: Evidence, seed: int) -> Array:
    """Random where the true gradient is known, and 0 elsewhere."""
    drawn = np.random.default_rng(seed).standard_normal(e.numeric.shape)
    direction = np.zeros(e.whole.shape)
    direction[np.ix_(*map(e.indices, range(e.whole.ndim)))] = drawn
    return direction


def _real(e: Evidence) -> Iterator[Known]:
    """Arguments of real numbers, this one last."""
    yield from (known for known in e.others if known.is_real and known.value.size > 1)
    yield Known(e.name, e.value)


def _transposes(known: Known) -> Iterator[Replaced]:
    value, name = known.value, known.name
    if value.ndim < 2:
        return
    turned = value.swapaxes(-1, -2)
    if turned.shape == value.shape:
        yield f"{name} stood transposed", {name: turned}
    else:
        reshaped = value.reshape(turned.shape).swapaxes(-1, -2)
        yield f"{name} stood reshaped for transposed", {name: reshaped}


def _of_kind(e: Evidence, kinds: str) -> list[Known]:
    return [known for known in e.others if known.value.dtype.kind in kinds and known.value.size]


def _orders(known: Known) -> Iterator[Replaced]:
    """Backwards; and ids read by columns."""
    value, name = known.value, known.name
    for axis, size in enumerate(value.shape):
        if size > 1:
            yield f"{name} stood reversed along axis {axis}", {name: np.flip(value, axis)}
    if value.ndim > 1 and not known.is_real:
        words = f"{name} stood transposed, then reshaped to fit"
        yield words, {name: value.swapaxes(-1, -2).reshape(value.shape)}


def _splits(e: Evidence) -> Iterator[Replaced]:
    """An argument and dy together, as where heads are tiled for repeated."""
    for known in _real(e):
        shared = zip(known.value.shape, e.dy.shape, strict=False)
        for axis, (size, other) in enumerate(shared):
            if size != other or size > MOST_HEADS:
                continue
            for words, read in readings(size, axis):
                both = {known.name: read(known.value), "dy": read(e.dy)}
                yield f"{known.name} and dy stood {words}", both


def _others(e: Evidence) -> Iterator[Replaced]:
    """One argument for another of its shape."""
    real = list(_real(e))
    for known in real:
        for other in real:
            if other is not known and other.value.shape == known.value.shape:
                yield f"{other.name} stood for {known.name}", {known.name: other.value}


def _masks(known: Known) -> Iterator[Replaced]:
    mask, name = known.value, known.name
    yield f"{name} stood inverted", {name: ~mask}
    yield f"{name} stood True throughout", {name: np.ones_like(mask)}
    yield f"{name} stood False throughout", {name: np.zeros_like(mask)}
    for axis, size in enumerate(mask.shape):
        if size > 1:
            first = np.broadcast_to(np.take(mask, [0], axis), mask.shape)
            yield f"{name} stood as its first of axis {axis} throughout", {name: first}
            yield f"{name} stood reversed along axis {axis}", {name: np.flip(mask, axis)}
    if mask.ndim > 1 and mask.shape[-1] == mask.shape[-2]:
        yield f"{name} stood transposed", {name: mask.swapaxes(-1, -2)}


def _next_ids(known: Known) -> Iterator[Replaced]:
    """Negative ones are marks, and stay; the last may be followed by the first."""
    ids, name = known.value, known.name
    around = int(ids.max()) + 1
    for by, words in ((1, f"{name} + 1"), (-1, f"{name} - 1")):
        for after in (ids + by, (ids + by) % around):
            yield f"{words} stood for {name}", {name: np.where(ids < 0, ids, after)}
