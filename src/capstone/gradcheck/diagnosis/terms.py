"""Explanations of the error as a term that is missing or too many, or as a factor per slice."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import prod

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import FIT, Evidence
from capstone.gradcheck.diagnosis.phrases import factor_in_words, listed, named_axes

LEAST = 3  # entries that one coefficient must explain
ROUNDING = 2.0**-21  # four roundings of float32
PROJECTION = "a wrong projection (a sum or a mean over it), or a factor on the wrong side of it?"


def residual(e: Evidence) -> str:
    """A multiple of the upstream gradient."""
    beside = e.beside(e.dy) if e.dy.shape == e.whole.shape else None
    c = None if beside is None else _coefficient(e, beside)
    if c is None:
        return ""
    if abs(c + 1) < 1e-6:
        return "the error is -dy: is a residual branch missing, or the 1 of a factor such as 1 - y?"
    if abs(c - 1) < 1e-6:
        return "the error is +dy: is a residual branch counted twice?"
    return f"the error is {c:.6g} x dy"


def decay(e: Evidence) -> str:
    """A multiple of the argument itself."""
    c = None if _is_one_row(e) else _coefficient(e, e.on_grid(e.value).astype(float))
    if c is None:
        return ""
    return f"the error is {c:.6g} x {e.name} itself: weight decay inside the gradient?"


def term(e: Evidence) -> str:
    """A multiple of another array, or of the true gradient of another argument."""
    for name, array in e.arrays(same_shape=True):
        c = None if _is_one_row(e) else _coefficient(e, array)
        if c is not None:
            return f"the error is {c:.6g} x {name}"
    for other in e.others:
        if other.gradient is None or other.gradient.shape != e.whole.shape:
            continue
        c = _coefficient(e, e.on_grid(other.gradient))
        if c is not None:
            return f"the error is {c:.6g} x the gradient of {other.name}"
    return ""


def _is_one_row(e: Evidence) -> bool:
    """Is the argument an input of one row, so that one coefficient is one for each row?"""
    return e.dy.shape == e.whole.shape and prod(e.whole.shape[:-1]) == 1


def _coefficient(e: Evidence, array: Array) -> float | None:
    """Of `array` in the error, if that is all there is to the error."""
    total = float((array * array).sum())
    if array.size < LEAST or not total:
        return None
    c = float((e.error * array).sum()) / total
    return c if e.fits(e.numeric + c * array) else None


def slices(e: Evidence) -> str:
    """Each slice has a factor of its own."""
    return _factors_in_words(e, is_rounding=False)


def rounded_slices(e: Evidence) -> str:
    """Each slice has a factor of its own that is 1 to the rounding of float32."""
    words = _factors_in_words(e, is_rounding=True)
    return f"{words}, as float32 leaves them: is float32 used inside?" if words else ""


def _factors_in_words(e: Evidence, *, is_rounding: bool) -> str:
    for fixed in _axes(e):
        factors = _along(e.analytic, e.numeric, fixed)
        is_off = np.abs(factors - 1) > 1e-9
        if not e.fits(factors * e.numeric) or not _is_spread(e, fixed, is_off):
            continue
        shown = factors[_live(e, fixed)].reshape(-1)
        if is_rounding != _are_roundings(shown):
            continue
        varying = [axis for axis in range(e.numeric.ndim) if axis not in fixed]
        few = listed([factor_in_words(f, 3) for f in shown], 4)
        return f"a factor of its own for each index of {named_axes(varying)}: {few}"
    return ""


def _are_roundings(factors: Array) -> bool:
    """Are all 1 to single precision, some above and some below?"""
    off = factors - 1
    return bool(np.abs(off).max() <= ROUNDING and off.min() < 0 < off.max())


def _live(e: Evidence, fixed: tuple[int, ...]) -> Array:
    """Slices with something to scale."""
    return np.asarray((np.abs(e.numeric) > e.slack).any(axis=fixed, keepdims=True))


def _is_spread(e: Evidence, fixed: tuple[int, ...], is_off: Array) -> bool:
    """Are several slices off, most of them, with several entries each?"""
    counts = (np.abs(e.numeric) > e.slack).sum(axis=fixed, keepdims=True)
    off = is_off & (counts > 0)
    return bool(off.sum() >= 2 and 2 * off.sum() >= (counts > 0).sum() and counts[off].min() >= 2)


def constant(e: Evidence) -> str:
    """The error is the same along an axis."""
    for fixed in _axes(e):
        mean = e.error.mean(axis=fixed, keepdims=True)
        if not e.fits(e.numeric + mean):
            continue
        if len(fixed) == e.numeric.ndim:
            return f"the error is {mean.flat[0]:.6g} in every entry"
        words = f"the error is constant along {named_axes(fixed)}"
        return f"{words}: is a mean or a sum over it missing?"
    return ""


def projection(e: Evidence) -> str:
    """In each slice the error is a multiple of some array, or that and a constant."""
    axes = [(axis,) for axis in reversed(range(e.numeric.ndim)) if e.numeric.shape[axis] >= LEAST]
    named = [*e.arrays(same_shape=True), *_exponentials(e)]
    for fixed in axes:
        for name, array in named:
            if e.fits(e.numeric + _along(e.error, array, fixed) * array):
                words = f"the error is a multiple of {name} in each slice along {named_axes(fixed)}"
                return f"{words}: {PROJECTION}"
    for fixed in axes:
        for name, array in named:
            centered = array - array.mean(axis=fixed, keepdims=True)
            mean = e.error.mean(axis=fixed, keepdims=True)
            guess = mean + _along(e.error - mean, centered, fixed) * centered
            if e.numeric.shape[fixed[0]] > LEAST and e.fits(e.numeric + guess):
                words = f"the error is a constant and a multiple of {name} in each slice along"
                return f"{words} {named_axes(fixed)}: {PROJECTION}"
    return _two_multiples(e, axes, named)


def _two_multiples(
    e: Evidence, axes: Sequence[tuple[int, ...]], named: Sequence[tuple[str, Array]]
) -> str:
    """In each slice the error is made of two arrays, and there are more entries than that needs."""
    for (fixed,), ((one, a), (other, b)) in product(axes, combinations(named, 2)):
        if e.numeric.shape[fixed] <= LEAST:
            continue
        error, *columns = (np.moveaxis(array, fixed, -1) for array in (e.error, a, b))
        basis = np.stack(columns, axis=-1)  # (..., size, 2)
        made = (basis @ (np.linalg.pinv(basis) @ error[..., None]))[..., 0]
        if e.fits(e.numeric + np.moveaxis(made, -1, fixed)):
            words = f"the error is made of {one} and {other} in each slice along axis {fixed}"
            return f"{words}: {PROJECTION}"
    return ""


def _exponentials(e: Evidence) -> list[tuple[str, Array]]:
    """Probabilities, which are at hand as logarithms or as what a softmax makes of its argument."""
    found = []
    if e.y.shape == e.whole.shape and e.y.max(initial=0) <= 0:
        found.append(("exp(y)", np.exp(e.on_grid(e.y))))
    if e.value.ndim and e.value.size and np.isfinite(e.value).all():
        shifted = e.value - e.value.max(axis=-1, keepdims=True)
        softmax = np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)
        found.append((f"softmax({e.name})", e.on_grid(softmax)))
    return found


def renormalized(e: Evidence) -> str:
    """The factor of each entry is one number a row times one a column: two norms exchanged."""
    if e.numeric.ndim < 2 or e.grid is not None or min(e.numeric.shape[-2:]) < 3:
        return ""
    if not e.is_clear or not e.numeric.all():
        return ""
    ratio = e.analytic / e.numeric
    spare = np.linalg.svd(ratio, compute_uv=False)[..., 1:]
    allowed = FIT * np.abs(ratio - 1).max(axis=(-2, -1))[..., None]
    if not (spare <= allowed).all():
        return ""
    axes = f"axes {e.numeric.ndim - 2} and {e.numeric.ndim - 1}"
    words = f"analytic / numeric is one number for each index of {axes}, multiplied"
    return f"{words}: is something divided by a sum along the wrong axis?"


def other_axis(e: Evidence) -> str:
    """The error mixes one number a row with one a column: a sum over the wrong axis.

    Divided by what it multiplies, it has the form `a[t] + b[t] * c[d]`, which is of rank 2. That
    says something where the gradient itself is of a higher one.
    """
    if e.numeric.ndim < 2 or e.grid is not None or min(e.numeric.shape[-2:]) < 3:
        return ""
    if e.dy.shape != e.whole.shape or not e.is_clear:
        return ""
    axes = f"axes {e.numeric.ndim - 2} and {e.numeric.ndim - 1}"
    ones = np.ones(e.numeric.shape)
    for name, array in [("", ones), *e.arrays(same_shape=True), *_exponentials(e), *_centered(e)]:
        if name == "dy" or not array.all():
            continue
        if _is_mixed(e.error / array) and not _is_mixed(e.numeric / array):
            what = f"the error / {name}" if name else "the error"
            return f"{what} mixes sums along {axes}: a sum or a mean over the wrong axis?"
    return ""


def _centered(e: Evidence) -> Iterator[tuple[str, Array]]:
    """Distances of the argument from its mean over one of the last two axes, as in statistics."""
    for axis in (e.numeric.ndim - 1, e.numeric.ndim - 2):
        mean = e.value.mean(axis=axis, keepdims=True)
        yield f"({e.name} - its mean over axis {axis})", e.value - mean


def _is_mixed(array: Array) -> bool:
    """Is every matrix of rank 2 at most?"""
    values = np.linalg.svd(array, compute_uv=False)  # (..., min(T, D))
    return bool((values[..., 2:] <= 1e-9 * values[..., :1]).all())


def _along(array: Array, base: Array, fixed: tuple[int, ...]) -> Array:
    """Coefficient of `base` in `array` for each slice along the fixed axes; 1 where it is zero."""
    products, squares = (
        (array * base).sum(axis=fixed, keepdims=True),
        (base * base).sum(axis=fixed, keepdims=True),
    )
    return np.where(squares > 0, products / np.where(squares > 0, squares, 1), 1.0)


def _axes(e: Evidence) -> Iterator[tuple[int, ...]]:
    """Axes along which something may be constant: as many as possible first, the last ones first.

    Fewer coefficients are the simpler explanation.
    """
    able = [axis for axis in reversed(range(e.numeric.ndim)) if e.numeric.shape[axis] > 1]
    for count in range(len(able), 0, -1):
        for axes in combinations(able, count):
            if e.numeric.size >= LEAST:
                yield tuple(sorted(axes))
