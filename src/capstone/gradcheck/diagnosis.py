"""What a wrong gradient looks like beside the right one, in a sentence."""

from collections.abc import Callable

import numpy as np

from capstone._typing import Array

FIT = 1e-6  # relative residual below which a transformed gradient counts as the explanation


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


def _fits(guess: Array, analytic: Array) -> bool:
    return float(np.linalg.norm(guess - analytic)) <= FIT * float(np.linalg.norm(analytic))


def _zero(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    return "" if analytic.any() else "the gradient is zero everywhere: is a path missing?"


def _factor(analytic: Array, numeric: Array, is_wrong: Array) -> str:
    factor = float((analytic * numeric).sum() / (numeric * numeric).sum())
    if not _fits(factor * numeric, analytic):
        return ""
    if abs(factor + 1) <= FIT:
        return "analytic = -numeric everywhere: a sign is flipped"
    return (
        f"analytic = {factor:.6g} x numeric everywhere: a constant factor{_named(factor, numeric)}"
    )


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
    if flipped.shape == analytic.shape and _fits(flipped, analytic):
        return "analytic = numeric transposed"
    fits = _fits(flipped.reshape(analytic.shape), analytic)
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
