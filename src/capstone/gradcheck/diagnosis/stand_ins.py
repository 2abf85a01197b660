"""Explanations by another point: the wrong gradient is right where other values stand.

A backward pass that multiplies by `w` for `w.T` gives the gradient of a forward pass in which `w.T`
stands.
"""

from collections.abc import Iterator
from itertools import chain, islice

import numpy as np

from capstone.gradcheck.diagnosis.elsewhere import StandIn, right_with
from capstone.gradcheck.diagnosis.evidence import Evidence, Known
from capstone.gradcheck.diagnosis.orders import readings

MOST_OTHERS = 8  # arguments that something stands in for: each takes a forward pass or two
MOST_HEADS = 64  # that an axis is split into


def untransposed(e: Evidence) -> str:
    """Right if a matrix stood transposed."""
    words = right_with(e, chain.from_iterable(map(_transposes, _real(e))))
    return f"right if {words}: is it transposed once too often, or not at all?" if words else ""


def misread(e: Evidence) -> str:
    """Right if an argument stood in another order, or had its axis split the other way round."""
    orders = chain.from_iterable(map(_orders, (*_real(e), *_of_kind(e, "iu"))))
    words = right_with(e, chain(orders, _splits(e)))
    return f"right if {words}: is it read in the wrong order?" if words else ""


def another(e: Evidence) -> str:
    """Right if one argument stood where another does."""
    words = right_with(e, _others(e))
    return f"right if {words}: one for the other?" if words else ""


def opposite(e: Evidence) -> str:
    """Right if an argument had the other sign."""
    words = right_with(
        e, (StandIn(f"-{k.name} stood for {k.name}", {k.name: -k.value}) for k in _real(e))
    )
    return f"right if {words}: is a sign flipped, or a comparison turned round?" if words else ""


def leftover(e: Evidence) -> str:
    """Right if 1 - t stood for t."""
    words = right_with(
        e, (StandIn(f"1 - {k.name} stood for {k.name}", {k.name: 1 - k.value}) for k in _real(e))
    )
    return f"right if {words}: one for the other?" if words else ""


def other_mask(e: Evidence) -> str:
    """Right for another mask: inverted, of everything, that of the first example."""
    words = right_with(e, chain.from_iterable(map(_masks, _of_kind(e, "b"))))
    return f"right if {words}: another mask than in the forward pass?" if words else ""


def other_ids(e: Evidence) -> str:
    """Right for the next ids, or the ones before."""
    words = right_with(e, chain.from_iterable(map(_next_ids, _of_kind(e, "iu"))))
    return f"right if {words}: off by one?" if words else ""


def _real(e: Evidence) -> Iterator[Known]:
    """A few arguments of real numbers, this one last."""
    others = (known for known in e.others if known.is_real and known.value.size > 1)
    yield from islice(others, MOST_OTHERS)
    yield Known(e.name, e.value)


def _transposes(known: Known) -> Iterator[StandIn]:
    value, name = known.value, known.name
    if value.ndim < 2:
        return
    turned = value.swapaxes(-1, -2)
    if turned.shape == value.shape:
        yield StandIn(f"{name} stood transposed", {name: turned})
    else:
        reshaped = value.reshape(turned.shape).swapaxes(-1, -2)
        yield StandIn(f"{name} stood reshaped for transposed", {name: reshaped})


def _of_kind(e: Evidence, kinds: str) -> list[Known]:
    return [known for known in e.others if known.value.dtype.kind in kinds and known.value.size]


def _orders(known: Known) -> Iterator[StandIn]:
    """Backwards, as a kernel of one axis or two; and ids read by columns."""
    value, name = known.value, known.name
    for axis, size in enumerate(value.shape):
        if size > 1:
            flipped = np.flip(value, axis)
            yield StandIn(f"{name} stood reversed along axis {axis}", {name: flipped})
    if known.is_real and min(value.shape[-2:], default=0) > 1 < value.ndim:
        both = np.flip(value, (-2, -1))
        yield StandIn(f"{name} stood reversed along its last two axes", {name: both})
    if value.ndim > 1 and not known.is_real:
        words = f"{name} stood transposed, then reshaped to fit"
        yield StandIn(words, {name: value.swapaxes(-1, -2).reshape(value.shape)})


def _splits(e: Evidence) -> Iterator[StandIn]:
    """An argument and dy together, as where heads are tiled for repeated."""
    for known in _real(e):
        shared = zip(known.value.shape, e.dy.shape, strict=False)
        for axis, (size, other) in enumerate(shared):
            if size != other or size > MOST_HEADS:
                continue
            for words, read in readings(size, axis):
                both = {known.name: read(known.value), "dy": read(e.dy)}
                yield StandIn(f"{known.name} and dy stood {words}", both)


def _others(e: Evidence) -> Iterator[StandIn]:
    """One argument for another of its shape."""
    real = list(_real(e))
    for known in real:
        for other in real:
            if other is not known and other.value.shape == known.value.shape:
                words = f"{other.name} stood for {known.name}"
                yield StandIn(words, {known.name: other.value})


def _masks(known: Known) -> Iterator[StandIn]:
    mask, name = known.value, known.name
    masks = {"inverted": ~mask, "True throughout": mask | True, "False throughout": mask & False}
    for axis, size in enumerate(mask.shape):
        if size > 1:
            first = np.broadcast_to(np.take(mask, [0], axis), mask.shape)
            masks[f"as its first of axis {axis} throughout"] = first
            masks[f"reversed along axis {axis}"] = np.flip(mask, axis)
    if mask.ndim > 1 and mask.shape[-1] == mask.shape[-2]:
        masks["transposed"] = mask.swapaxes(-1, -2)
    yield from (StandIn(f"{name} stood {words}", {name: m}) for words, m in masks.items())


def _next_ids(known: Known) -> Iterator[StandIn]:
    """Negative ones are marks, and stay; the last may be followed by the first."""
    ids, name = known.value, known.name
    around = int(ids.max()) + 1
    for by, words in ((1, f"{name} + 1"), (-1, f"{name} - 1")):
        for after in (ids + by, (ids + by) % around):
            yield StandIn(f"{words} stood for {name}", {name: np.where(ids < 0, ids, after)})
