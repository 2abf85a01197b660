"""Explanations by the product that the wrong gradient is: of dy, or a true gradient, and an array.

Where the backward pass multiplies by another array than it should, what it gives is a product of
two arrays at hand. It is named, and so is the one that the true gradient is, if it is one.
"""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence, aligned
from capstone.gradcheck.diagnosis.phrases import factor_in_words, named_axes

LEAST = 4  # entries that must agree, beside one factor
LARGEST = 1 << 16  # entries of an array that is multiplied

Named = tuple[str, Array]


def operand(e: Evidence) -> str:
    """The wrong gradient is a product of dy with an array at hand."""
    if not e.is_clear or e.numeric.size < LEAST:
        return ""
    forms = list(_forms(e))
    said = next(filter(None, (_multiple(e, form, e.analytic) for form in forms)), "")
    if not said:
        return ""
    true = next(filter(None, (_multiple(e, form, e.numeric) for form in forms)), "")
    if true:
        return f"analytic = {said} where {true} belongs"
    return f"analytic = {said}: is that the right operand, and all there is to it?"


def _multiple(e: Evidence, form: Named, gradient: Array) -> str:
    """`-dy @ w.T` if that is the gradient; at most one factor is fitted."""
    words, array = form
    total = float((array * array).sum())
    c = float((gradient * array).sum()) / total if total else 0.0
    if not c or not e.are_near(c * array, gradient):
        return ""
    if abs(abs(c) - 1) < 1e-9:
        return f"{'-' if c < 0 else ''}{words}"
    return f"{factor_in_words(c)} x {words}"


def _forms(e: Evidence) -> Iterator[Named]:
    """All products that have the shape of the gradient, on the grid."""
    for (left, a), (right, b) in product(_gradients(e), _values(e)):
        made = (*_matrix_products(left, a, right, b), *_sums(left, a, right, b, e.whole.shape))
        for words, array in made:
            if array.shape == e.whole.shape:
                yield words, e.on_grid(array)


def _gradients(e: Evidence) -> Iterator[Named]:
    """What may come from above: dy and what is true of other arguments."""
    yield "dy", e.dy
    for other in e.others:
        if other.gradient is not None and other.gradient.size <= LARGEST:
            yield f"(the gradient of {other.name})", other.gradient


def _values(e: Evidence) -> Iterator[Named]:
    named = [(other.name, other.value) for other in e.others if other.is_real]
    for name, value in [*named, (e.name, e.value), ("y", e.y)]:
        if 1 < value.size <= LARGEST and np.ptp(value):
            yield name, value


def _matrix_products(left: str, a: Array, right: str, b: Array) -> Iterator[Named]:
    """`a @ b`, `a @ b.T` and so on, in both orders: a matrix at a time, or summed over all rows."""
    if min(a.ndim, b.ndim) < 2:
        return
    firsts = ((left, a), (f"{left}.T", a.swapaxes(-1, -2)))
    seconds = ((right, b), (f"{right}.T", b.swapaxes(-1, -2)))
    for (one, m), (other, n) in (*product(firsts, seconds), *product(seconds, firsts)):
        if m.shape[-1] == n.shape[-2] and (
            m.shape[:-2] == n.shape[:-2] or min(m.ndim, n.ndim) == 2
        ):
            yield f"{one} @ {other}", m @ n
    if max(a.ndim, b.ndim) > 2 and a.shape[:-1] == b.shape[:-1]:
        summed = b.reshape(-1, b.shape[-1]).T @ a.reshape(-1, a.shape[-1])
        yield f"{right}.T @ {left}", summed
        yield f"{left}.T @ {right}", summed.T


def _sums(left: str, a: Array, right: str, b: Array, shape: tuple[int, ...]) -> Iterator[Named]:
    """Entry by entry, summed over as many axes as the gradient lacks."""
    wide, beside = (a, aligned(b, a.shape)) if a.ndim >= b.ndim else (b, aligned(a, b.shape))
    if beside is None or wide.ndim < len(shape):
        return
    array = wide * beside
    for axes in combinations(range(array.ndim), array.ndim - len(shape)):
        words = f"{left} x {right}{f', summed over {named_axes(axes)}' if axes else ''}"
        yield words, array.sum(axis=axes)
