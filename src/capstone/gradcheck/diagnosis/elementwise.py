"""Explanations of functions of one entry at a time: the derivative of another function."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence

LEAST = 12  # entries that show a curve
LEAST_LEFT = 4  # entries that show what is left of dy
SMOOTH = 0.1  # of the variance, as the mean square distance of an entry from between its neighbors
SHOWN = 2  # points at which both slopes are given


def slope(e: Evidence) -> str:
    """The true gradient is dy times a smooth function of the argument, and so is the error.

    For entries without order the distance from the middle of two neighbors has 1.5 times the
    variance of all.
    """
    if e.dy.shape != e.whole.shape or not e.is_clear:
        return ""
    for words, base in _bases(e):
        usable = base != 0
        x = e.on_grid(e.value)[usable]
        order = np.argsort(x, kind="stable")
        x, true, said = (
            x[order],
            *((a[usable] / base[usable])[order] for a in (e.numeric, e.analytic)),
        )
        if all(_is_smooth(x, s) for s in (true, said, said - true)):
            worst = np.argsort(-np.abs(said - true), kind="stable")[:SHOWN]
            shown = " and ".join(f"{said[n]:.3g} for {true[n]:.3g} at {x[n]:.3g}" for n in worst)
            return f"{words} times the slope of another function of {e.name}: {shown}"
    return ""


def _bases(e: Evidence) -> Iterator[tuple[str, Array]]:
    """What a slope may be multiplied by: dy, and another argument, or 1/x as in sin(x)/x."""
    dy = e.on_grid(e.dy)
    yield "dy", dy
    for other in e.others:
        if other.is_real and other.value.shape == e.whole.shape:
            yield f"dy x {other.name}", dy * e.on_grid(other.value)
    if e.value.all():
        yield f"dy / {e.name}", dy / e.on_grid(e.value)


def _is_smooth(x: Array, s: Array) -> bool:
    """Does each entry lie near the line through its neighbors?"""
    if len(s) < LEAST or not np.ptp(x):
        return False
    span = x[2:] - x[:-2]
    share = np.where(span > 0, (x[1:-1] - x[:-2]) / np.where(span > 0, span, 1), 0.5)
    between = s[:-2] + share * (s[2:] - s[:-2])
    return bool(np.mean((s[1:-1] - between) ** 2) <= SMOOTH * np.var(s))


def complement(e: Evidence) -> str:
    """What dy leaves of the true one, as 1 - s for s."""
    beside = e.beside(e.dy) if e.dy.size > 1 else None
    if beside is None or not beside.any() or e.numeric.size < LEAST_LEFT:
        return ""
    if e.fits(beside - e.numeric):
        return "analytic = dy - numeric: is a factor s where 1 - s belongs, or the other way?"
    return ""
