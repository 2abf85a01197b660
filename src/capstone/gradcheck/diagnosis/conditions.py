"""What the wrong entries have in common: the sign or the size of an argument, or a mask."""

from collections.abc import Iterator
from math import comb

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence

LEAST = 6  # entries of which some are wrong
SURE = 10**6  # ways to choose as many entries; a value that divides one of so many is no accident
DIGITS = 6  # of a value that divides

Named = tuple[str, Array]


def condition_of(e: Evidence) -> str:
    """`where x < 0`, `where mask is False`: an exact description of the wrong entries."""
    if e.is_wrong.sum() < 2 or e.is_wrong.size < LEAST:
        return ""
    live = (e.numeric != 0) | (e.analytic != 0)
    for words, holds in _tests(e):
        if holds.any() and not holds.all() and np.array_equal(holds & live, e.is_wrong):
            return words
    return _threshold(e, live)


def _tests(e: Evidence) -> Iterator[Named]:
    for name, beside in (*_arguments(e, "biuf"), *_differences(e)):
        if beside.dtype == bool:
            yield f"where {name} is True", beside
            yield f"where {name} is False", ~beside
            continue
        yield f"where {name} < 0", beside < 0
        yield f"where {name} > 0", beside > 0
        yield f"where {name} = 0", beside == 0
        for option, bound in e.options.items():
            yield f"where {name} > {option}", beside > bound
            yield f"where {name} < {option}", beside < bound
            yield f"where {name} > -{option}", beside > -bound
            yield f"where {name} < -{option}", beside < -bound
            yield f"where |{name}| > {option}", np.abs(beside) > bound
            yield f"where |{name}| < {option}", np.abs(beside) < bound


def _threshold(e: Evidence, live: Array) -> str:
    """`where x > 1.5`: some value divides the wrong entries from the others."""
    wrong, right = e.is_wrong & live, ~e.is_wrong & live
    if comb(int(live.sum()), int(wrong.sum())) < SURE:
        return ""
    for name, beside in (*_arguments(e, "f"), *_differences(e)):
        for words, value in ((name, beside), (f"|{name}|", np.abs(beside))):
            if value[wrong].min() > value[right].max():
                return f"where {words} > {_between(value[right].max(), value[wrong].min())}"
            if value[wrong].max() < value[right].min():
                return f"where {words} < {_between(value[wrong].max(), value[right].min())}"
    return ""


def _between(low: float, high: float) -> str:
    """The number of the fewest digits between two."""
    middle = (low + high) / 2
    shown = (f"{middle:.{digits}g}" for digits in range(1, DIGITS + 1))
    return next((text for text in shown if low < float(text) < high), f"{middle:.{DIGITS}g}")


def _arguments(e: Evidence, kinds: str) -> Iterator[Named]:
    for name, value in (*((other.name, other.value) for other in e.others), (e.name, e.value)):
        beside = e.beside(value) if value.dtype.kind in kinds else None
        if beside is not None:
            yield name, beside.astype(bool) if value.dtype.kind == "b" else beside


def _differences(e: Evidence) -> Iterator[Named]:
    """Of this argument and another one of its shape."""
    for other in e.others:
        if other.is_real and other.value.shape == e.whole.shape:
            yield f"{e.name} - {other.name}", e.on_grid(e.value - other.value)
