"""What a wrong gradient looks like beside the right one, in a sentence."""

from collections.abc import Callable

import numpy as np

from capstone._typing import Array

FIT = 1e-6  # share of the error that may stay unexplained by what counts as the explanation
ROUNDINGS = 64.0  # that may stay unexplained beside it, in units of eps of the gradient
NEAR_ONE = 1e-3  # factors nearer to 1 are written as their distance from it


def diagnose(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    """Name the simplest transformation that turns the right gradient into the wrong one.

    Args:
        analytic: the backward pass's gradient.
        numeric: the true one, of the same shape.
        is_wrong: booleans, True where the two disagree.
    """
    norm = float(np.linalg.norm(numeric))
    if not np.isfinite(numeric).all():
        return "no derivative to compare with: forward fails or gives NaN next to the point"
    if not np.isfinite(analytic).all():
        return f"{int((~np.isfinite(analytic)).sum())} entries are NaN or infinite"
    if norm == 0:
        return "the output does not depend on this argument, so its gradient must be 0"
    for explain in (_zero, _factor, _transposed, _constant_along_axis, _rows):
        words = explain(analytic, numeric, is_wrong)
        if words:
            return words
    share = f"{int(is_wrong.sum())} of {is_wrong.size} entries"
    return f"no simple transformation of the right gradient explains {share}"


def factor_in_words(factor: float, digits: int = 6) -> str:
    """`2`, `-0.5`, or `(1 + 1e-09)` where the digits would hide the difference."""
    if factor != 1 and abs(factor - 1) < NEAR_ONE:
        return f"(1 {'+' if factor > 1 else '-'} {abs(factor - 1):.1e})"
    return f"{factor:.{digits}g}"


def _fits(guess: Array, analytic: Array, numeric: Array) -> bool:
    """Does the guess explain the error, not merely most of the gradient?"""
    error, size = (float(np.linalg.norm(array)) for array in (analytic - numeric, analytic))
    allowed = FIT * error + ROUNDINGS * float(np.finfo(float).eps) * size
    return float(np.linalg.norm(guess - analytic)) <= allowed


def _zero(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    return "" if analytic.any() else "the gradient is zero everywhere: is a path missing?"


def _factor(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    factor = float((analytic * numeric).sum() / (numeric * numeric).sum())
    if not _fits(factor * numeric, analytic, numeric):
        return ""
    if abs(factor + 1) <= FIT:
        return "analytic = -numeric everywhere: a sign is flipped"
    words = factor_in_words(factor)
    return f"analytic = {words} x numeric everywhere: a constant factor{_named(factor, numeric)}"


def _named(factor: float, numeric: Array) -> str:
    roots: list[tuple[str, Callable[[float], float]]] = [
        ("{}", lambda n: n),
        ("1/{}", lambda n: 1 / n),
        ("sqrt({})", lambda n: n**0.5),
        ("1/sqrt({})", lambda n: n**-0.5),
    ]
    for axis, size in enumerate(numeric.shape):
        for words, value in roots:
            if size > 1 and abs(abs(factor) - value(size)) <= FIT * abs(factor):
                return f" ({words.format(size)}, the size of axis {axis}?)"
    return ""


def _transposed(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    if numeric.ndim < 2 or numeric.size < 2:
        return ""
    flipped = numeric.swapaxes(-1, -2)
    if flipped.shape == analytic.shape and _fits(flipped, analytic, numeric):
        return "analytic = numeric transposed"
    fits = _fits(flipped.reshape(analytic.shape), analytic, numeric)
    return "analytic = numeric transposed, then reshaped to fit" if fits else ""


def _constant_along_axis(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    difference = analytic - numeric
    for axis, size in enumerate(numeric.shape):
        mean = difference.mean(axis=axis, keepdims=True)
        spread = float(np.abs(difference - mean).max())
        if size > 1 and spread <= FIT * float(np.abs(difference).max()):
            return f"the error is constant along axis {axis}: is a sum over that axis missing?"
    return ""


def _rows(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    for axis, size in enumerate(is_wrong.shape):
        others = tuple(i for i in range(is_wrong.ndim) if i != axis)
        touched = np.flatnonzero(is_wrong.any(axis=others))
        if 0 < len(touched) < size:
            shown = ", ".join(map(str, touched[:6])) + (", ..." if len(touched) > 6 else "")
            return f"only indices {shown} of axis {axis} are wrong"
    return ""
