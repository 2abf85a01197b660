"""Explanations that hold for the gradient as a whole, entry by entry."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import FIT, Evidence, Known
from capstone.gradcheck.diagnosis.phrases import counted, factor_in_words
from capstone.gradcheck.diagnosis.sizes import origin_of

ROUNDINGS = 4  # eps: a factor nearer to 1 is what rounding makes of 1
NO_DERIVATIVE = "no derivative to compare with: forward fails or gives NaN next to the point"


def undefined(e: Evidence) -> str:
    """There is no derivative."""
    if np.isfinite(e.numeric).all():
        return ""
    return NO_DERIVATIVE


def nan(e: Evidence) -> str:
    """NaN or infinite entries."""
    words = not_finite_in_words(e.analytic)
    bad = ~np.isfinite(e.analytic)
    if not words or bad.all():
        return words
    rest = int((e.is_wrong & ~bad).sum())
    return f"{words}, {f'{rest} of the others are wrong' if rest else 'the others are right'}"


def not_finite_in_words(gradient: Array) -> str:
    """How many entries are NaN or infinite."""
    count = int((~np.isfinite(gradient)).sum())
    if not count:
        return ""
    return f"{counted(count, 'entry')} {'is' if count == 1 else 'are'} NaN or infinite"


def independent(e: Evidence) -> str:
    """The true gradient is zero."""
    if e.numeric.any():
        return ""
    return "the output does not depend on this argument, so its gradient must be 0"


def zero(e: Evidence) -> str:
    """The gradient is zero."""
    return "" if e.analytic.any() else "the gradient is zero everywhere: is a path missing?"


def sign(e: Evidence) -> str:
    """-1 times the true one."""
    if not e.fits(-e.numeric):
        return ""
    return "analytic = -numeric everywhere: a sign is flipped"


def upstream(e: Evidence) -> str:
    """The upstream gradient is ignored, applied twice, or handed through as it is."""
    if not e.dy.any():
        return ""
    beside = e.beside(e.dy)
    if beside is not None and _is_without(e, beside):
        return "analytic = numeric / dy: the upstream gradient is ignored"
    if beside is not None and e.fits(e.numeric * beside):
        return "analytic = numeric x dy: the upstream gradient is applied twice"
    summed = _summed(e.dy, e.whole.shape)
    if summed is None or not e.fits(e.on_grid(summed)):
        return ""
    if summed.shape == e.dy.shape:
        return "analytic = dy: the upstream gradient is handed through as it is"
    return "analytic = dy summed to the argument's shape: is the factor beside it missing?"


def factor(e: Evidence) -> str:
    """A constant times the true one."""
    c = float((e.analytic * e.numeric).sum() / (e.numeric * e.numeric).sum())
    near = ROUNDINGS * float(np.finfo(e.value.dtype).eps)
    if abs(abs(c) - 1) <= near or not e.fits(c * e.numeric):
        return ""
    origin = origin_of(c, e)
    tail = f"; {origin}" if origin else ": a constant factor"
    return f"analytic = {factor_in_words(c)} x numeric everywhere{tail}"


def absolute(e: Evidence) -> str:
    """The absolute value of the true one."""
    return "analytic = |numeric|: signs are lost" if e.fits(np.abs(e.numeric)) else ""


def exchanged(e: Evidence) -> str:
    """Two arguments have got each other's gradient."""
    for other in _sources(e):
        if _holds_this(other, e):
            return f"analytic = the gradient of {other.name}: the two are swapped"
    for other in e.others:
        if other.gradient is None and _holds_this(other, e):  # what is true there is not known
            return f"the gradient of {other.name} is what belongs here: are the two swapped?"
    return ""


def misplaced(e: Evidence) -> str:
    """The true gradient of another argument, whose own is another matter; or the other way."""
    for other in _sources(e):
        return f"analytic = the gradient of {other.name}: it was stored in the wrong place"
    for other in e.others:
        if _holds_this(other, e):
            return f"the gradient of {other.name} is what belongs here: stored in the wrong place?"
    return ""


def _holds_this(other: Known, e: Evidence) -> bool:
    """Does the backward pass give as the other's gradient what is the true one here?"""
    has_shape = other.analytic is not None and other.analytic.shape == e.whole.shape
    return has_shape and e.rearranges(np.asarray(other.analytic))


def _sources(e: Evidence) -> Iterator[Known]:
    """Other arguments whose true gradient this is."""
    for other in e.others:
        has_shape = other.gradient is not None and other.gradient.shape == e.whole.shape
        if has_shape and e.fits(e.on_grid(np.asarray(other.gradient))):
            yield other


def clipped(e: Evidence) -> str:
    """The true one cut off at a magnitude, or on one side."""
    top, bottom = float(e.analytic.max()), float(e.analytic.min())
    cut = max(top, -bottom)
    if _cut_entries(e, -cut, cut) and e.fits(np.clip(e.numeric, -cut, cut)):
        return f"analytic = numeric clipped to +-{factor_in_words(cut)}"
    for low, high, words in ((bottom, np.inf, "below"), (-np.inf, top, "above")):
        at = bottom if words == "below" else top
        if _cut_entries(e, low, high) and e.fits(np.clip(e.numeric, low, high)):
            return f"analytic = numeric cut off {words} {factor_in_words(at)}"
    return ""


def _cut_entries(e: Evidence, low: float, high: float) -> bool:
    """Are several entries cut, and some left?"""
    cut = (e.numeric < low) | (e.numeric > high)
    return int((cut & e.is_wrong).sum()) >= 2 and not cut.all()


def _is_without(e: Evidence, beside: Array) -> bool:
    """Is the true gradient the analytic one times `beside`, a factor that varies or is not 1?"""
    product = e.analytic * beside
    allowed = FIT * np.abs(e.numeric) + e.noise * np.maximum(1.0, np.abs(beside))
    is_near = e.is_clear and bool((np.abs(product - e.numeric) <= allowed).all())
    return is_near and not e.is_contradicted(product)


def _summed(array: Array, shape: tuple[int, ...]) -> Array | None:
    """Summed over what broadcasting `shape` to the array's shape repeats; None if it does not."""
    lead = array.ndim - len(shape)
    if lead < 0 or array.shape[lead:] != shape:
        return None
    return np.asarray(array.sum(axis=tuple(range(lead)))).astype(float)


def product(e: Evidence) -> str:
    """An argument is a factor too often, or not often enough."""
    for name, beside in e.arrays():
        if (beside == beside.flat[0]).all() or name == "dy":
            continue
        if _is_without(e, beside):
            return f"analytic = numeric / {name}: is a factor {name} missing?"
        if e.fits(e.numeric * beside):
            return f"analytic = numeric x {name}: is the factor {name} one too many?"
        if _is_without(e, beside * beside):
            return f"analytic = numeric / {name}**2: is a factor {name}**2 missing?"
        if e.fits(e.numeric * beside * beside):
            return f"analytic = numeric x {name}**2: multiplied for divided by {name}?"
        for words, of_it in ((f"1 - {name}", 1 - beside), (f"1 + {name}", 1 + beside)):
            if of_it.all() and _is_without(e, of_it):
                return f"analytic = numeric / ({words}): is a factor {words} missing?"
            if e.fits(e.numeric * of_it):
                return f"analytic = numeric x ({words}): is the factor {words} one too many?"
    return ""
