"""What is wrong with ids, masks, options and a given upstream gradient."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.inputs.hints import Hint
from capstone.gradcheck.inputs.numbers import is_constant

DROPS = ("p", "dropout", "dropout_p", "dropout_rate", "drop_rate", "p_drop", "rate")
HEADS = ("n_heads", "num_heads", "n_head", "heads", "nhead")
NEUTRAL = {  # values at which an option does nothing
    "label_smoothing": 0,
    "z_loss": 0,
    "offset": 0,
    "scale": 1,
    "temperature": 1,
    "stride": 1,
    "dilation": 1,
    "groups": 1,
}


def look_at_ids(name: str, ids: Array, floats: Sequence[Array]) -> Iterator[Hint]:
    """Whole numbers that point into one of the arrays; what is negative is ignored."""
    used = ids[ids >= 0]
    if used.size < 2 or not floats or _are_offsets(ids):
        return
    if is_constant(used):
        yield Hint("one id", name)
        return
    tables = _tables(ids, int(used.max()), floats)
    present = np.unique(used)
    if tables and len(present) == used.size:
        yield Hint("unique ids", name)
    if len(tables) == 1:
        yield from _ends(name, present, tables.pop())


def _are_offsets(ids: Array) -> bool:
    """Numbers that climb by different steps: where things begin, rather than which they are."""
    steps = np.diff(ids.astype(np.int64)) if ids.ndim == 1 else np.zeros(1)
    return bool((steps > 0).all() and (steps > 1).any())


def _tables(ids: Array, largest: int, floats: Sequence[Array]) -> set[int]:
    """Lengths of the arrays that the ids may point into; none for labels, one for every row."""
    rows = [array for array in floats if array.ndim and array.shape[:-1] == ids.shape]
    if any(largest < array.shape[-1] for array in rows):
        return set()
    for least_ndim in (2, 1):
        found = {array.shape[0] for array in floats if array.ndim >= least_ndim}
        if any(length > largest for length in found):
            return {length for length in found if length > largest}
    return set()


def _ends(name: str, present: Array, count: int) -> Iterator[Hint]:
    if present[0] != 0:
        yield Hint("no first id", name)
    if present[-1] != count - 1:
        yield Hint("no last id", name, str(count - 1))
    if len(present) == count:
        yield Hint("all ids", name)


def look_at_mask(name: str, mask: Array) -> Iterator[Hint]:
    """Booleans of one value."""
    if mask.size >= 2 and is_constant(mask):
        yield Hint("all masked" if mask.all() else "none masked", name)


def look_at_options(options: Mapping[str, Any], wholes: Sequence[Array]) -> Iterator[Hint]:
    """Options at which what they are for does nothing; `wholes` may hold labels to ignore."""
    for name, value in options.items():
        if isinstance(value, np.ndarray) and value.dtype == bool:
            yield from look_at_mask(name, value)
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            continue
        words = f"{name}={value}"
        if name in DROPS and value == 0:
            yield Hint("nothing drops", words)
        elif name in HEADS and value == 1:
            yield Hint("one head", words)
        elif name in NEUTRAL and value == NEUTRAL[name]:
            yield Hint("no effect", words)
        elif name == "ignore_index" and wholes:
            is_ignored = np.concatenate([(array == value).reshape(-1) for array in wholes])
            if not is_ignored.any() or is_ignored.all():
                yield Hint("all ignored" if is_ignored.any() else "none ignored", words)


def look_at_upstream(dy: Array) -> Iterator[Hint]:
    """An upstream gradient that was given."""
    name, entries = "upstream", np.count_nonzero(dy)
    if not entries:
        yield Hint("upstream zero", name)
    elif dy.size == 1:
        yield from [Hint("upstream one", name)] if (dy == 1).all() else []
    elif is_constant(dy):
        yield Hint("upstream constant", name)
    elif entries == 1:
        yield Hint("upstream one-hot", name)
    elif (dy >= 0).all() or (dy <= 0).all():
        yield Hint("upstream one sign", name)
