"""Explanations within the rows of one axis, or within pieces of them as long as a window is."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence

LEAST = 4  # wrong entries that show an order, or a share
LONGEST = 64  # piece within which entries may be rolled


def rolled_within(e: Evidence) -> str:
    """Rolled within each window, as for the entry beside the winner."""
    for axis, width, analytic, numeric in _pieces(e):
        if width in (2, e.whole.shape[axis]) or width > LONGEST:
            continue  # two that change places are in another order; whole rows are looked at before
        for by in sorted(range(-(width // 2), width // 2 + 1), key=abs)[1:]:
            if e.are_near(np.roll(numeric, by, axis=-1), analytic):
                return f"analytic = numeric rolled by {by} within every {width} along axis {axis}"
    return ""


def reordered(e: Evidence) -> str:
    """Each row, or window, holds the right numbers in an order of its own."""
    where = _in_another_order(e, is_single=False)
    return (
        f"the right numbers in {where}, in another order: is an order not undone?" if where else ""
    )


def other_winner(e: Evidence) -> str:
    """Of each window one entry gets the gradient, and it is another one."""
    where = _in_another_order(e, is_single=True)
    return f"the one number in {where} is right, and at another place" if where else ""


def _in_another_order(e: Evidence, *, is_single: bool) -> str:
    """In which pieces the same numbers stand, with one that is not 0 in each, or with more."""
    for axis, width, analytic, numeric in _pieces(e):
        if is_single == _is_single(numeric) and e.are_near(
            np.sort(numeric, axis=-1), np.sort(analytic, axis=-1)
        ):
            if width == e.whole.shape[axis] and not is_single:
                return f"each row along axis {axis}"
            return f"every {width} entries along axis {axis}"
    return ""


def _is_single(numeric: Array) -> bool:
    """Is at most one entry of each piece other than 0?"""
    return bool(((numeric != 0).sum(axis=-1) <= 1).all())


def spread(e: Evidence) -> str:
    """What belongs to one entry of each window went to all of them."""
    for axis, width, analytic, numeric in _pieces(e):
        if not _is_single(numeric):
            continue
        for words, shared in (
            ("goes to all of them", numeric.sum(axis=-1, keepdims=True)),
            (f"is shared by all {width}", numeric.mean(axis=-1, keepdims=True)),
        ):
            if e.are_near(shared, analytic):
                what = f"what belongs to one of every {width} along axis {axis}"
                return f"{what} {words}: is the mask of the winner missing?"
    return ""


def _pieces(e: Evidence) -> Iterator[tuple[int, int, Array, Array]]:
    """`(axis, width, analytic, numeric)`, the arrays (..., width), for each width that divides."""
    if e.grid is not None or not e.is_clear or e.is_wrong.sum() < LEAST:
        return
    for axis, size in enumerate(e.whole.shape):
        rows = [np.moveaxis(array, axis, -1) for array in (e.analytic, e.numeric)]
        for width in range(2, size + 1):
            if size % width == 0:
                analytic, numeric = (row.reshape(*row.shape[:-1], -1, width) for row in rows)
                yield axis, width, analytic, numeric
