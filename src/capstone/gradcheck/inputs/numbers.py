"""What is wrong with arrays of floating-point numbers, each by itself and beside the others."""

from collections.abc import Iterator, Mapping

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.inputs.hints import Hint

FLAT = 20.0  # beyond it tanh is 1 and a sigmoid 0 or 1, to rounding in float64 or nearly so
STRAIGHT = 0.05  # below it sin, tanh and exp - 1 are the identity to three per cent
SAME = 1e-9  # relative: what rounding leaves of a symmetry or of equal norms
FEW = 4  # entries: so many may be of one sign by chance

Arrays = Mapping[str, Array]


def look_at_numbers(arrays: Arrays) -> Iterator[Hint]:
    """All findings about floating-point arrays, given by name; the first one counts as the data."""
    for name, array in arrays.items():
        if array.size >= 2 and np.isfinite(array).all():
            yield from _look_at_one(name, array)
    yield from _equal(arrays)
    yield from _one_sign(arrays)
    yield from _axes_of_one(arrays)
    yield from _equal_axes(arrays)


def _look_at_one(name: str, array: Array) -> Iterator[Hint]:
    if is_constant(array):
        only = array.reshape(-1)[0]
        yield Hint({0.0: "zeros", 1.0: "ones"}.get(float(only), "constant"), name)
    elif _is_identity(array):
        yield Hint("identity", name)
    elif not _is_mask(array):
        yield from _look_at_entries(name, array)


def is_constant(array: Array) -> bool:
    """Is it one number throughout?"""
    return bool((array == array.reshape(-1)[0]).all())


def _is_identity(array: Array) -> bool:
    n = array.shape[0]
    return array.shape == (n, n) and bool((array == np.eye(n)).all())


def _is_mask(array: Array) -> bool:
    """Zeros and one other number, as in a mask or a one-hot row: such an array means something."""
    rest = array[array != 0]
    return 0 < rest.size < array.size and is_constant(rest)


def _look_at_entries(name: str, array: Array) -> Iterator[Hint]:
    size = np.abs(array)
    largest = float(size.max())
    repeated = [axis for axis in range(array.ndim) if _repeats(array, axis)]
    if repeated:
        yield Hint("repeats", name, str(repeated[0]))
    elif _is_symmetric(array, largest):
        yield Hint("symmetric", name)
    elif _has_one_norm(array):
        yield Hint("one norm", name)
    if array.ndim >= 2 and size.min() > FLAT:
        yield Hint("saturated", name)
    if array.ndim >= 2 and largest < STRAIGHT:
        yield Hint("tiny", name)
    yield from _kinks(name, array)


def _repeats(array: Array, axis: int) -> bool:
    return array.shape[axis] > 1 and bool((array == array.take([0], axis=axis)).all())


def _is_symmetric(array: Array, largest: float) -> bool:
    if array.ndim < 2 or array.shape[-1] != array.shape[-2] or array.shape[-1] < 2:
        return False
    return bool(np.abs(array - array.swapaxes(-1, -2)).max() <= SAME * largest)


def _has_one_norm(array: Array) -> bool:
    """Three rows or more whose norms differ by rounding: normalized, or not yet."""
    if array.ndim < 2 or array.shape[-1] < 2 or array.size < 3 * array.shape[-1]:
        return False
    squares = (array * array).sum(axis=-1)
    coarse = max(SAME, 4 * float(np.finfo(array.dtype).eps))
    return bool(squares.max() - squares.min() <= coarse * squares.max())


def _kinks(name: str, array: Array) -> Iterator[Hint]:
    """Points at which usual functions have no derivative."""
    if not array.all():
        if not _is_triangle(array):
            yield Hint("zero entries", name)
    elif array.ndim and array.shape[-1] >= 2:
        is_largest = array == array.max(axis=-1, keepdims=True)
        if (is_largest.sum(axis=-1) > 1).any() and not is_largest.all():
            yield Hint("ties", name)


def _is_triangle(array: Array) -> bool:
    """Such zeros are no accident."""
    halves = [np.tril(array), np.triu(array)] if array.ndim >= 2 else []
    return any((half == array).all() for half in halves)


def _equal(arrays: Arrays) -> Iterator[Hint]:
    """Arrays with the same entries, unless these are one number, which has been said."""
    groups: list[list[str]] = []
    for name, array in arrays.items():
        for group in groups:
            if array.size >= 2 and np.array_equal(arrays[group[0]], array):
                group.append(name)
                break
        else:
            groups.append([name])
    for group in groups:
        if len(group) > 1 and not is_constant(arrays[group[0]]):
            yield from (Hint("equal", name, "") for name in group)


def _one_sign(arrays: Arrays) -> Iterator[Hint]:
    """Nothing but entries of one sign, in all arrays together."""
    large = {name: array for name, array in arrays.items() if array.size > FEW}
    if large and all(_has_one_sign(array) for array in large.values()):
        yield from (Hint("one sign", name) for name in large)


def _has_one_sign(array: Array) -> bool:
    if is_constant(array) or _is_mask(array):
        return False
    return bool((array >= 0).all() or (array <= 0).all())


def _axes_of_one(arrays: Arrays) -> Iterator[Hint]:
    """Axes of one entry, unless they are there to be broadcast along those of another array."""
    for name, array in arrays.items():
        others = [other for key, other in arrays.items() if key != name]
        for axis, length in enumerate(array.shape):
            from_end = axis - array.ndim
            if length == 1 < array.size and not any(_widens(o, array, from_end) for o in others):
                yield Hint("one long", name, str(axis))
                break


def _widens(other: Array, array: Array, axis: int) -> bool:
    """May the other array be broadcast with this one, and is it longer along the axis?"""
    pairs = zip(reversed(other.shape), reversed(array.shape), strict=False)
    fits = all(a == b or 1 in (a, b) for a, b in pairs)
    is_square_weight = other.ndim == 2 and other.shape[0] == other.shape[1]
    return fits and other.ndim >= -axis and other.shape[axis] > 1 and not is_square_weight


def _equal_axes(arrays: Arrays) -> Iterator[Hint]:
    """Axes of one length, in the data or in the only matrix beside it.

    Of several matrices the square ones may have to be: those of an attention or of a recurrence.
    """
    matrices = [name for name, array in list(arrays.items())[1:] if array.ndim == 2]
    for name, array in arrays.items():
        has_to_be = name in matrices and len(matrices) > 1
        lengths = [length for length in array.shape if length > 1]
        twice = next((length for length in lengths if lengths.count(length) > 1), 0)
        if twice and not has_to_be and np.isfinite(array).all() and not _is_identity(array):
            axes = [str(axis) for axis, length in enumerate(array.shape) if length == twice]
            yield Hint("equal axes", name, f"{', '.join(axes[:-1])} and {axes[-1]}")
