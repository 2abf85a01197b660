"""The wording of every input check: rule, expected, got, and the mend if it is known."""

from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError


def fail(
    where: str,
    rule: str,
    *,
    expected: object,
    got: object,
    mend: str = "",
    error: type[Exception] = UsageError,
) -> NoReturn:
    """Raise `error` with the project's one message shape."""
    tail = f"; {mend}" if mend else ""
    raise error(f"{where}: {rule}: expected {expected}, got {got}{tail}")


def check_positive(where: str, error: type[Exception] = UsageError, **sizes: int) -> None:
    """Every named size is a whole number of at least 1."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            rule = f"{name} must be a positive integer"
            fail(where, rule, expected=f"{name} >= 1", got=repr(size), error=error)


def check_not_negative(where: str, **numbers: object) -> None:
    """Every named number is a whole number of at least 0, as seeds and step counts are."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            rule = f"{name} must be a non-negative integer"
            fail(where, rule, expected=f"{name} >= 0", got=repr(number))


def check_in_range(where: str, name: str, value: float, low: float, high: float) -> None:
    """`low <= value <= high`; a NaN fails."""
    if not low <= value <= high:
        rule = f"{name} must lie in [{low}, {high}]"
        fail(where, rule, expected=f"{low} <= {name} <= {high}", got=value)


def check_divisible(where: str, name: str, size: int, divisor_name: str, divisor: int) -> None:
    """`divisor` divides `size`, as the number of heads must divide the width."""
    if size % divisor:
        rule = f"{name} must be divisible by {divisor_name}"
        fail(where, rule, expected=f"{name} % {divisor} == 0", got=f"{name} = {size}")


def check_choice(
    where: str,
    name: str,
    value: object,
    choices: Iterable[str],
    error: type[Exception] = UsageError,
) -> None:
    """`value` is one of the named choices."""
    known = list(choices)
    if value not in known:
        expected = f"one of {', '.join(known)}"
        fail(where, f"unknown {name}", expected=expected, got=repr(value), error=error)


def check_inexact(where: str, **arrays: Array) -> None:
    """Every named value is an array of floating-point or complex numbers, all of one precision.

    A complex array goes with the real ones of its parts. Other mixtures would be computed, slowly,
    in the higher precision, and nobody would notice.
    """
    first, differ = None, False
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or (dtype := array.dtype).kind not in "fc":
            got = getattr(array, "dtype", type(array).__name__)
            rule = f"{name} must be a floating-point array"
            fail(where, rule, expected="a float or complex dtype", got=got)
        if first is None:
            first = dtype
        elif dtype is not first:  # nearly always the same object if it is the same dtype
            differ = True
    if differ:
        _check_one_precision(where, arrays)


def _check_one_precision(where: str, arrays: dict[str, Array]) -> None:
    """The parts of all complex arrays, and all real arrays, are of one size."""
    precisions: dict[int, str] = {}
    for name, array in arrays.items():
        parts = 2 if array.dtype.kind == "c" else 1
        precisions.setdefault(array.dtype.itemsize // parts, f"{name} of {array.dtype}")
    if len(precisions) > 1:
        got = " with ".join(precisions.values())
        fail(where, "all arrays must have one precision", expected="one dtype", got=got)


def check_axes(where: str, name: str, array: Array, *axes: str) -> None:
    """`array` has at least the named axes, as in `check_axes(where, "x", x, "T", "D")`."""
    if array.ndim < len(axes):
        rule = f"{name} must have at least {len(axes)} axes"
        fail(where, rule, expected=f"(..., {', '.join(axes)})", got=f"shape {array.shape}")


def check_last_axes(where: str, name: str, array: Array, *sizes: int) -> None:
    """The last axes of `array` have the given sizes."""
    if array.shape[-len(sizes) :] != sizes:
        rule = f"{name} has the wrong shape"
        expected = f"(..., {', '.join(map(str, sizes))})"
        fail(where, rule, expected=expected, got=array.shape)


def check_ids(where: str, name: str, ids: Array, size: int) -> None:
    """`ids` are integers in [0, size): negative ids would silently wrap around."""
    if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu":
        got = getattr(ids, "dtype", type(ids).__name__)
        fail(where, f"{name} must be an integer array", expected="an integer dtype", got=got)
    if ids.size and (ids.min() < 0 or ids.max() >= size):
        worst = ids.min() if ids.min() < 0 else ids.max()
        fail(where, f"{name} out of range", expected=f"0 <= id < {size}", got=worst)
