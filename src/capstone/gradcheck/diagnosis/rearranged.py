"""Explanations that move entries: transposed, reversed, shifted, slices in another order.

Each undoes the move on the analytic gradient, which is known everywhere, and compares with the true
one where that is known.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.phrases import listed

MOST_AXES = 4  # whose orders are tried: 24
FARTHEST = 64  # that a gradient may be rolled
MOST_SLICES = 64  # whose order is searched for


def transposed(e: Evidence) -> str:
    """Axes in another order, with or without a reshape that hides it."""
    for axes in _orders(e.whole.ndim):
        last_two = axes == (*range(e.whole.ndim - 2), e.whole.ndim - 1, e.whole.ndim - 2)
        words = "transposed" if last_two else f"with its axes in the order {axes}"
        # analytic = numeric.transpose(axes).reshape(shape), so the way back begins with a reshape
        shape = tuple(e.whole.shape[axis] for axis in axes)
        back = e.whole.reshape(shape).transpose(np.argsort(axes))
        if e.rearranges(back):
            hushed = "" if shape == e.whole.shape else ", then reshaped to fit"
            return f"analytic = numeric {words}{hushed}"
    return _split(e)


def _orders(ndim: int) -> Iterator[tuple[int, ...]]:
    """Orders of the axes, the transposition of the last two first."""
    if not 2 <= ndim <= MOST_AXES:
        return
    swap = (*range(ndim - 2), ndim - 1, ndim - 2)
    yield swap
    for axes in permutations(range(ndim)):
        if axes not in (swap, tuple(range(ndim))):
            yield axes


def _split(e: Evidence) -> str:
    """The last axis is made of heads, which were split or merged without their transposition."""
    if e.whole.ndim < 2:
        return ""
    *lead, T, D = e.whole.shape
    for n in range(2, D):
        if D % n:
            continue
        merged = e.whole.reshape(*lead, n, T, D // n).swapaxes(-2, -3).reshape(e.whole.shape)
        split = e.whole.reshape(*lead, T, n, D // n).swapaxes(-2, -3).reshape(e.whole.shape)
        inner = e.whole.reshape(*lead, T, n, D // n).swapaxes(-1, -2).reshape(e.whole.shape)
        if e.rearranges(merged) or e.rearranges(split):
            parts = f"{n} x {D // n}"
            return f"analytic = numeric with its last axis split into {parts}, heads and time mixed"
        if e.rearranges(inner):
            return (
                f"analytic = numeric with its last axis read as {n} x {D // n} for {D // n} x {n}"
            )
    return ""


def rotated(e: Evidence) -> str:
    """The pairs of the last axis have the right length, and another direction."""
    half = e.numeric.shape[-1] // 2 if e.numeric.ndim and e.grid is None else 0
    if half < 2 or e.numeric.shape[-1] % 2 or not e.is_clear or e.numeric.size < 12:
        return ""
    for words, halves in (
        (f"(k, k + {half})", (slice(None, half), slice(half, None))),
        ("(2k, 2k + 1)", (slice(None, None, 2), slice(1, None, 2))),
    ):
        said, true = (a[..., halves[0]] + 1j * a[..., halves[1]] for a in (e.analytic, e.numeric))
        if e.are_near(np.abs(said), np.abs(true)) and _turns(said, true, e):
            words = f"pairs {words} of axis {e.numeric.ndim - 1} have the right length"
            return f"{words}, in another direction: rotated by a wrong angle, or onward for back?"
    return ""


def _turns(said: Array, true: Array, e: Evidence) -> bool:
    """Are the angles those of positions: the same in every example, unlike one another?"""
    turn = said * true.conj()
    first = turn.reshape(-1, *turn.shape[-2:])[:1]
    angle = first / np.where(first == 0, 1, np.abs(first))
    aligned = np.abs(true) * (said - true * angle)
    return bool(np.ptp(np.angle(angle)) > 1e-6 and (np.abs(aligned) <= 10 * e.slack).all())


def reversed_order(e: Evidence) -> str:
    """Backwards along an axis."""
    for axis, size in enumerate(e.whole.shape):
        if size > 1 and e.is_true(e.along(axis, (size - 1 - e.indices(axis)))):
            return f"analytic = numeric reversed along axis {axis}"
    return ""


def shifted(e: Evidence) -> str:
    """Rolled along an axis, or moved by one with the end left over."""
    for axis, size in enumerate(e.whole.shape):
        reach = min(size - 1, FARTHEST)
        for by in sorted(range(-reach, reach + 1), key=abs)[1:]:
            if size > 2 and e.is_true(e.along(axis, (e.indices(axis) + by) % size)):
                return f"analytic = numeric rolled by {by} along axis {axis}"
        for by in (1, -1):
            if size > 3 and _moved(e, axis, by):
                return (
                    f"analytic = numeric moved by {by} along axis {axis}, without wrapping around"
                )
    return ""


def _moved(e: Evidence, axis: int, by: int) -> bool:
    """Does each slice equal the true neighbor, but for one at the end?"""
    if e.grid is not None or not e.is_clear:
        return False
    analytic, numeric = np.moveaxis(e.analytic, axis, 0), np.moveaxis(e.numeric, axis, 0)
    here, there = (slice(1, None), slice(None, -1)) if by > 0 else (slice(None, -1), slice(1, None))
    return e.are_near(numeric[there], analytic[here])


def permuted(e: Evidence) -> str:
    """Every slice along an axis is the true gradient of some slice, not always its own."""
    if e.grid is not None or not e.is_clear:
        return ""
    for axis, size in enumerate(e.whole.shape):
        if not 2 < size <= MOST_SLICES or e.whole.size < 2 * size:
            continue
        analytic, numeric = (
            np.moveaxis(a, axis, 0).reshape(size, -1) for a in (e.whole, e.numeric)
        )
        sources = [_source(e, row, numeric) for row in analytic]
        equals = [_source(e, row, numeric) for row in numeric]  # the first of equal slices
        moved = sum(source != own for source, own in zip(sources, equals, strict=True))
        if moved > 1 and len(set(sources)) > 1 and Counter(sources) == Counter(equals):
            order = _one_to_one(sources, equals)
            return f"slices along axis {axis} in another order: {listed(order, 8)}"
    return ""


def _one_to_one(sources: Sequence[int | None], equals: Sequence[int | None]) -> list[int]:
    """Which slice each is, a different one for each; of equal slices its own, or the next."""
    order = [n if source == equals[n] else -1 for n, source in enumerate(sources)]
    for n, source in enumerate(sources):
        if order[n] < 0:
            order[n] = next(m for m, own in enumerate(equals) if own == source and m not in order)
    return order


def _source(e: Evidence, row: Array, numeric: Array) -> int | None:
    """Which true slice this is, if it is one."""
    nearest = int(np.abs(numeric - row).max(axis=1).argmin())
    return nearest if e.are_near(numeric[nearest], row) else None
