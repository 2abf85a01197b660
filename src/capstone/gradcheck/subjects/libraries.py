"""Arrays of other libraries: moved from NumPy to where the subject keeps its own, and back.

The checks compute with NumPy arrays only. A subject that works on other arrays is handed its own
kind, of the precision asked for, and what it returns is turned into NumPy arrays again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import has, tensors_library
from capstone.gradcheck.usage import refuse


class Library:
    """NumPy itself: there is nothing to move, and read-only arrays guard themselves."""

    def owns(self, thing: Any) -> bool:
        """Is `thing` an array of this library?"""
        return isinstance(thing, np.ndarray | np.generic)

    def host(self, thing: Any) -> Any:
        """`thing` as a NumPy array, if it is an array of this library; else as it is."""
        return thing

    def spot(self, thing: Any) -> Any:
        """Where `thing` lives and in which format, as `place` needs it; None for no array."""
        return None

    def coarse_eps(self, thing: Any) -> float:
        """Spacing of numbers next to 1 in a format that NumPy lacks; 0 for any other."""
        return 0.0

    def call(
        self, function: Callable[[list[Any]], Any], values: Sequence[Array], spots: Sequence[Any]
    ) -> Any:
        """`function` of the values, each at its spot.

        Raises:
            ValueError: a read-only value was written to, in NumPy's own words.
        """
        return function(list(values))


class ForeignLibrary(Library):
    """A library whose arrays cannot be read-only: writing is found out afterwards."""

    def place(self, array: Array, spot: Any) -> Any:
        """A copy of a NumPy array as an array of this library."""
        raise NotImplementedError

    def call(
        self, function: Callable[[list[Any]], Any], values: Sequence[Array], spots: Sequence[Any]
    ) -> Any:
        """`function` of the values, each at its spot; says so if it wrote to a read-only one."""
        placed = [self.place(v, s) for v, s in zip(values, spots, strict=True)]
        guard = [p for p, v in zip(placed, values, strict=True) if not v.flags.writeable]
        before = self.snapshot(guard)
        result = function(placed)
        self.compare(guard, before)
        return result

    def snapshot(self, arrays: Iterable[Any]) -> list[Array]:
        """What arrays hold now."""
        return [np.array(self.host(array)) for array in arrays]

    def compare(self, arrays: Sequence[Any], before: Sequence[Array]) -> None:
        """Complain, as NumPy would have, if arrays have changed since the snapshot.

        Raises:
            ValueError: they have.
        """
        pairs = zip(arrays, before, strict=True)
        if any(np.asarray(self.host(a)).tobytes() != b.tobytes() for a, b in pairs):
            raise ValueError("array is read-only, and was written to")


class DuckLibrary(ForeignLibrary):
    """Arrays on a device that come with `get()`, from a module with `asarray`: CuPy and alike."""

    def __init__(self, example: Any) -> None:
        self.kind = type(example)
        self.asarray = tensors_library(example).asarray

    def owns(self, thing: Any) -> bool:
        """Is `thing` of the same type as the example?"""
        return isinstance(thing, self.kind)

    def host(self, thing: Any) -> Any:
        """A copy in NumPy's memory."""
        return thing.get() if self.owns(thing) else thing

    def spot(self, thing: Any) -> Any:
        """Any array of this kind: there is one place for them."""
        return self.kind if self.owns(thing) else None

    def place(self, array: Array, spot: Any) -> Any:
        """A copy on the device."""
        return array if spot is None else self.asarray(array.copy())


def is_duck(thing: Any) -> bool:
    """Does this look like an array on a device, as CuPy's do?

    Raises:
        UsageError: it does, and there is no way to fetch it.
    """
    if isinstance(thing, np.ndarray | np.generic | type):
        return False
    looks_like_array = has(thing, "shape") and has(thing, "dtype")
    on_device = has(thing, "__cuda_array_interface__")
    has_way = has(thing, "get") and callable(thing.get) and tensors_library(thing) is not None
    if on_device and not has_way:
        rule = f"arrays of type {type(thing).__name__} must be convertible"
        refuse(rule, expected="get() and a module with asarray", got="neither or one of them")
    return looks_like_array and has_way
