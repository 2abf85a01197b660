"""Explanations of errors that leave some entries right: where they are, and what is there."""

from itertools import product

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.conditions import condition_of
from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.phrases import factor_in_words, listed

NAMED = 4  # most wrong entries that are listed one by one
SMALLEST_TILE = 4  # a remainder beside smaller tiles is an edge


def masked(e: Evidence) -> str:
    """The output does not depend on the wrong entries."""
    if e.is_wrong.all() or e.numeric[e.is_wrong].any():
        return ""
    count, size = int(e.is_wrong.sum()), e.is_wrong.size
    where = condition_of(e) or _slices_in_words(e)
    words = f"not zero at {count} of {size} entries on which the output does not depend"
    return f"{words}{f' ({where})' if where else ''}: is a mask missing?"


def repeats(e: Evidence) -> str:
    """Right but for the indices that occur more than once among the ids."""
    for other in e.others:
        if other.value.dtype.kind not in "iu" or not other.value.size:
            continue
        ids, counts = np.unique(other.value, return_counts=True)
        repeated = set(ids[counts > 1].tolist())
        for axis, size in enumerate(e.numeric.shape):
            touched = {e.index(axis, int(i)) for i in _touched(e, axis)}
            is_table = ids[0] >= 0 and ids[-1] < e.whole.shape[axis] and len(touched) < size
            if is_table and touched <= repeated and 2 * len(touched) >= len(repeated):
                words = f"wrong only at {_indices(sorted(touched), axis)}, repeated in {other.name}"
                return f"{words}: do repeated ids overwrite each other?{_there(e)}"
    return ""


def edge(e: Evidence) -> str:
    """Right but for the first or the last index of an axis."""
    for axis, size in _partly_wrong(e):
        touched = _touched(e, axis)
        if len(touched) != 1 or touched[0] not in (0, size - 1) or size < 3:
            continue
        number = int(touched[0])
        if 2 * np.take(e.is_wrong, number, axis).sum() > _live_in(e, number, axis):
            end = "first" if number == 0 else "last"
            return f"wrong only at the {end} index of axis {axis}: an off-by-one?{_there(e)}"
    return ""


def tail(e: Evidence) -> str:
    """Right but for the indices behind the last whole tile."""
    for axis, size in _partly_wrong(e):
        touched = _touched(e, axis)
        start = int(touched[0])
        tile = start & -start  # the largest power of two that divides the start
        is_tail = len(touched) == size - start > 1
        if is_tail and tile >= SMALLEST_TILE and size - start < tile:
            words = f"wrong only from index {start} of axis {axis} on, {start} = {start // tile} x"
            return f"{words} {tile}: is the last, incomplete tile handled?{_there(e)}"
    return ""


def zero_slices(e: Evidence) -> str:
    """Some slices along an axis get no gradient."""
    is_condition = e.numeric.ndim == 1 and bool(condition_of(e))
    if e.analytic[e.is_wrong].any() or is_condition:
        return ""
    for axis, _ in _partly_wrong(e):
        touched = _touched(e, axis)
        if not np.take(e.analytic, touched, axis).any():
            shown = [e.index(axis, int(i)) for i in touched]
            return f"no gradient reaches {_indices(shown, axis)}; the others are right"
    return ""


def zero_entries(e: Evidence) -> str:
    """Some entries get no gradient."""
    if e.is_wrong.all() or e.analytic[e.is_wrong].any():
        return ""
    where = condition_of(e)
    words = f"{int(e.is_wrong.sum())} of {e.is_wrong.size} entries get no gradient"
    return f"{words}{f', those {where}' if where else ''}; the others are right"


def sign_where(e: Evidence) -> str:
    """The wrong entries have the wrong sign, and an argument says which they are."""
    return _where(e) if _ratio(e) == -1 and condition_of(e) else ""


def sign_there(e: Evidence) -> str:
    """The wrong entries have the wrong sign."""
    return _where(e) if _ratio(e) == -1 else ""


def factor_there(e: Evidence) -> str:
    """The wrong entries are off by one factor."""
    ratio = _ratio(e) if e.is_wrong.sum() > 1 else None  # one entry is off by some factor anyway
    return "" if ratio in (None, -1) else _where(e)


def single(e: Evidence) -> str:
    """Few wrong entries."""
    count = int(e.is_wrong.sum())
    is_few = count <= NAMED and 4 * count <= e.is_wrong.size
    if not is_few or (count > 1 and _fills_slices(e)):
        return ""
    found = [
        [e.index(axis, int(i)) for axis, i in enumerate(entry)] for entry in np.argwhere(e.is_wrong)
    ]
    verb = "is" if count == 1 else "are"
    return f"{count} of {e.is_wrong.size} entries {verb} wrong: {listed(found)}{_there(e)}"


def _fills_slices(e: Evidence) -> bool:
    """Is along some axis all wrong that is in the slices with something wrong?"""
    return any(
        np.take(e.is_wrong, _touched(e, axis), axis).all()
        for axis in range(e.is_wrong.ndim)
        if e.is_wrong.ndim > 1
    )


def picked(e: Evidence) -> str:
    """Right but for the entries that ids name, one for each row, as targets do."""
    for other in e.others:
        is_row = other.value.dtype.kind in "iu" and other.value.shape == e.whole.shape[:-1]
        if e.grid is not None or not is_row or e.is_wrong.all():
            continue
        axis = e.whole.ndim - 1
        where = f"wrong only at the entries that {other.name} names along axis {axis}"
        if _picks(e, other.value):
            return f"{where}{_there(e)}"
        for by, words in ((1, "the next ones"), (-1, "the ones before")):
            if _picks(e, other.value, (other.value + by) % e.whole.shape[-1]):
                return f"{where}, and {words}: off by one?"
    return ""


def _picks(e: Evidence, *ids: Array) -> bool:
    """Are the wrong entries of each row among those that ids name, and mostly so for each?"""
    at = [each[..., None] == np.arange(e.whole.shape[-1]) for each in ids]  # (..., V)
    all_of_them = np.logical_or.reduce(at)
    is_most = all(2 * (e.is_wrong & each).sum() > each.sum() for each in at)
    return is_most and not e.is_wrong[~all_of_them].any() and not all_of_them.all()


def named(e: Evidence) -> str:
    """Right but for the rows that ids name, or get a gradient; or but for the others."""
    for other, axis in product(e.others, range(e.numeric.ndim if e.grid is None else 0)):
        rows = _rows_named(other.value, e.whole.shape[axis])
        if not 1 < len(rows) < e.whole.shape[axis]:
            continue
        words = f"the indices of axis {axis} that {other.name}"
        touched = _touched(e, axis)
        if axis in dict(_partly_wrong(e)) and np.array_equal(touched, rows):
            return f"wrong only at {words} names: is what comes through it right?{_there(e)}"
        alive, true = (_alive(gradient, axis) for gradient in (e.analytic, e.numeric))
        if np.array_equal(alive, rows) and len(true) > len(alive) < len(touched):
            return f"only {words} names get a gradient: is another path missing?"
    return ""


def _rows_named(ids: Array, size: int) -> Array:
    """The different ids, if ids these are, of a table of a given size."""
    is_table = ids.dtype.kind in "iu" and ids.size and ids.min() >= 0 and ids.max() < size
    return np.unique(ids) if is_table else np.zeros(0, int)


def triangle(e: Evidence) -> str:
    """Right but for one side of a diagonal of the last two axes."""
    if e.numeric.ndim < 2 or e.grid is not None or min(e.numeric.shape[-2:]) < 3:
        return ""
    rows, columns = np.indices(e.numeric.shape[-2:])
    for words, side in (
        ("on the diagonal", rows == columns),
        ("above the diagonal", columns > rows),
        ("below the diagonal", columns < rows),
    ):
        wide = np.broadcast_to(side, e.numeric.shape)
        if not e.is_wrong[~wide].any() and e.is_wrong[wide].mean() > 0.5:
            return f"wrong only {words} of the last two axes{_there(e)}"
    return ""


def condition(e: Evidence) -> str:
    """Wrong exactly where an argument is of one sign, or a mask of one value."""
    where = condition_of(e)
    return f"wrong only {where}{_there(e)}" if where else ""


def indices(e: Evidence) -> str:
    """Right but for some indices of an axis."""
    where = _slices_in_words(e)
    return f"wrong only at {where}{_there(e)}" if where else ""


def _where(e: Evidence) -> str:
    """Where the errors are and what they are, for errors of one factor."""
    where, slices = condition_of(e), _slices_in_words(e)
    if where or slices:
        return f"wrong only {where or f'at {slices}'}{_there(e)}"
    return f"{int(e.is_wrong.sum())} of {e.is_wrong.size} entries are wrong{_there(e)}"


def _there(e: Evidence) -> str:
    """`, where analytic = 2 x numeric`: what the wrong entries have in common."""
    if not e.analytic[e.is_wrong].any():
        return ", and zero there"
    ratio = _ratio(e)
    if ratio is None:
        error = e.error[e.is_wrong]
        is_same = error.size > 1 and np.ptp(error) <= e.slack
        return f", each by {error[0]:.6g}" if is_same else ""
    return f", by analytic = {'-' if ratio == -1 else factor_in_words(ratio) + ' x '}numeric"


def _ratio(e: Evidence) -> float | None:
    """The one factor by which all wrong entries are off; None if there is none."""
    analytic, numeric = e.analytic[e.is_wrong], e.numeric[e.is_wrong]
    total = float((numeric * numeric).sum())
    if not total or not analytic.any() or e.is_wrong.all() or not e.is_clear:
        return None
    ratio = float((analytic * numeric).sum()) / total
    if not e.are_near(ratio * numeric, analytic):
        return None
    return -1.0 if abs(ratio + 1) < 1e-6 else ratio


def _partly_wrong(e: Evidence) -> list[tuple[int, int]]:
    """`(axis, size)` where some indices are right throughout, and not for want of gradient."""
    if e.grid is not None:
        return []
    return [
        (axis, size)
        for axis, size in enumerate(e.numeric.shape)
        if 0 < len(_touched(e, axis)) < size and _is_alive_elsewhere(e, axis)
    ]


def _is_alive_elsewhere(e: Evidence, axis: int) -> bool:
    """Is some of what is right along an axis more than zero?"""
    others = np.setdiff1d(np.arange(e.numeric.shape[axis]), _touched(e, axis))
    return bool(np.take(e.numeric, others, axis).any())


def _touched(e: Evidence, axis: int) -> Array:
    """Indices along an axis with something wrong."""
    return _alive(e.is_wrong, axis)


def _alive(array: Array, axis: int) -> Array:
    """Indices along an axis with something other than 0."""
    return np.flatnonzero(array.any(axis=tuple(i for i in range(array.ndim) if i != axis)))


def _live_in(e: Evidence, number: int, axis: int) -> int:
    """Entries of a slice that are not zero on both sides."""
    analytic, numeric = (np.take(a, number, axis) for a in (e.analytic, e.numeric))
    return int(((analytic != 0) | (numeric != 0)).sum())


def _slices_in_words(e: Evidence) -> str:
    """`indices 0, 2 of axis 1` for the axis along which the fewest are wrong."""
    parts = [(len(_touched(e, axis)) / size, axis) for axis, size in _partly_wrong(e)]
    if not parts:
        return ""
    _, axis = min(parts)
    return _indices([int(i) for i in _touched(e, axis)], axis)


def _indices(found: list[int], axis: int) -> str:
    return f"ind{'ex' if len(found) == 1 else 'ices'} {listed(found)} of axis {axis}"
