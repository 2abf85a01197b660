"""Makes the inputs of a failed check smaller and simpler, as long as it fails in the same way."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError
from capstone.gradcheck.capsules.sameness import is_same_failure
from capstone.gradcheck.capsules.simpler import simpler_arrays, simpler_entries
from capstone.gradcheck.check import check
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.stored import Stored, store
from capstone.gradcheck.usage import refuse

MOST_CHECKS = 300
MOST_SECONDS = 10.0
FEW = 5  # sizes below it are all tried, and beyond them those that leave out a half, a quarter, ...
SMALL = 24  # entries of an array whose entries are made simpler one by one

Place = tuple[int, int]  # number of an array, number of its axis


@dataclass(frozen=True)
class Shrunk:
    """What is left of a failed check.

    Args:
        inputs: small ones with which it fails in the same way.
        options: those of the check; the upstream gradient is left out where it can be.
        report: of the check with these.
        checks: how many were made on the way.
    """

    inputs: tuple[Any, ...]
    options: dict[str, Any]
    report: Report
    checks: int


def shrink(
    subject: Any,
    *inputs: Any,
    most_checks: int = MOST_CHECKS,
    most_seconds: float = MOST_SECONDS,
    **options: Any,
) -> Shrunk:
    """Find small, simple inputs with which a check fails as it does with the given ones.

    Axes of one size are taken for the same dimension and shrink together, or else one by one. Then
    entries become zeros, ones, whole numbers or numbers of one digit. The parameters of a layer
    stay as they are: their shapes belong to the layer.

    Args:
        subject: whatever `check` takes.
        inputs: as for `check`.
        most_checks: after which the search ends, with the best it has.
        most_seconds: the same; a search that it cuts short depends on the machine's speed.
        options: those of `check`.

    Raises:
        UsageError: as `check` does, or the check does not fail.
    """
    report = check(subject, *inputs, **options)
    if report.ok:
        rule, got = "only a check that fails can be shrunk", f"{report.name}: ok"
        refuse(rule, expected="a wrong gradient", got=got, function="shrink")
    search = _Search(subject, inputs, options, report)
    search.last_check, search.deadline = most_checks, time.perf_counter() + most_seconds
    search.drop_upstream()
    while search.shrink_axes():
        pass
    search.simplify()
    return Shrunk(search.inputs(search.arrays), search.options, search.report, search.checks)


class _Search:
    """The best that was found so far.

    Args:
        subject, inputs, options: of the check that fails.
        report: what it says.
    """

    last_check = 0
    deadline = 0.0

    def __init__(
        self, subject: Any, inputs: Sequence[Any], options: dict[str, Any], report: Report
    ) -> None:
        self.subject, self.report, self.checks = subject, report, 1
        self.options = dict(options)
        self.tried: set[int] = set()
        self.stored = [_stored(thing) for thing in inputs]
        upstream = store(self.options.pop("upstream", None), "upstream")
        self.stored.append(upstream)
        self._with_upstream(upstream.restore())
        self.arrays = [stored.array for stored in self.stored]
        self.groups = _axes_by_size(self.arrays)

    def inputs(self, arrays: Sequence[Array | None]) -> tuple[Any, ...]:
        """Arrays as the subject takes them."""
        pairs = zip(self.stored[:-1], arrays[:-1], strict=True)
        return tuple(stored.restore(array) for stored, array in pairs)

    def drop_upstream(self) -> None:
        """Do without the upstream gradient that was given, if the one of the seed shows it too."""
        given = self.options.pop("upstream", None)
        if given is not None and self._fails([*self.arrays[:-1], None]):
            self.groups = _axes_by_size(self.arrays)
        else:
            self._with_upstream(given)

    def shrink_axes(self) -> bool:
        """Shrink what can be, every dimension once; did anything shrink?"""
        has_moved = False
        for group in list(self.groups):
            if self._shrink(group) or self._shrink(self._with_multiples(group)):
                has_moved = True
                continue
            for place in group if len(group) > 1 else []:
                if self._shrink([place]):
                    has_moved = True
                    group.remove(place)
                    self.groups.append([place])
                    break
        return has_moved

    def simplify(self) -> None:
        """Simpler numbers: whole arrays first, then the entries of small ones."""
        for number, array in enumerate(self.arrays):
            if array is not None:
                any(self._replace(number, simple) for simple in simpler_arrays(array))
        for number, array in enumerate(self.arrays):
            for entry in range(array.size if array is not None and array.size <= SMALL else 0):
                current = self.arrays[number]
                assert current is not None  # none of them becomes one
                any(self._replace(number, simple) for simple in simpler_entries(current, entry))

    def _replace(self, number: int, array: Array) -> bool:
        arrays = [*self.arrays[:number], array, *self.arrays[number + 1 :]]
        return self._fails(arrays, at_same_sizes=True)

    def _with_upstream(self, upstream: Any) -> None:
        if upstream is not None:
            self.options["upstream"] = upstream

    def _with_multiples(self, group: list[Place]) -> list[Place]:
        """The group and all axes that are as long as a multiple of it, as heads times width."""
        size = self._size(group[0])
        if size == 1:
            return group
        others = [g for g in self.groups if g is not group]
        return group + [p for g in others for p in g if self._size(p) % size == 0]

    def _size(self, place: Place) -> int:
        array = self.arrays[place[0]]
        assert array is not None  # only arrays have axes
        size: int = array.shape[place[1]]
        return size

    def _shrink(self, places: list[Place]) -> bool:
        """Cut a dimension to the smallest size with which the failure stays."""
        size = self._size(places[0])
        for smaller in _smaller(size):
            for start in dict.fromkeys((0, self._worst(places, size - smaller), size - smaller)):
                cut = self._cut(places, start, smaller, size)
                if self._fails(cut):
                    return True
                in_range = [_ids_in_range(array, start, smaller, size) for array in cut]
                has_changed = any(a is not b for a, b in zip(cut, in_range, strict=True))
                if has_changed and self._fails(in_range):
                    return True
        return False

    def _worst(self, places: list[Place], last: int) -> int:
        """Where the worst entry of a wrong gradient lies along these axes."""
        for number, axis in places:
            array = self.arrays[number]
            for argument in self.report.arguments:
                is_this = array is not None and argument.shape == array.shape
                if is_this and not argument.is_right and len(argument.worst) > axis:
                    return min(argument.worst[axis], last)
        return 0

    def _cut(self, places: list[Place], start: int, smaller: int, size: int) -> list[Array | None]:
        cut = list(self.arrays)
        for number, axis in places:
            array = cut[number]
            assert array is not None  # only arrays have axes
            times = array.shape[axis] // size
            window = slice(times * start, times * (start + smaller))
            cut[number] = array[(slice(None),) * axis + (window,)]
        return cut

    def _fails(self, arrays: Sequence[Array | None], *, at_same_sizes: bool = False) -> bool:
        """Take over these arrays if the check fails with them as before."""
        if self.checks >= self.last_check or time.perf_counter() > self.deadline:
            return False
        key = hash(tuple((a.shape, a.tobytes()) for a in arrays if a is not None))
        if key in self.tried:
            return False
        self.tried.add(key)
        self.checks += 1
        options = dict(self.options)
        if "upstream" in options:
            options["upstream"] = self.stored[-1].restore(arrays[-1])
        try:
            report = check(self.subject, *self.inputs(arrays), **options)
        except Exception:  # the forward pass does not run on these
            return False
        if not is_same_failure(self.report, report, at_same_sizes=at_same_sizes):
            return False
        self.report, self.options, self.arrays = report, options, list(arrays)
        return True


def _stored(thing: Any) -> Stored:
    """An input that is neither an array nor plain stays what it is."""
    try:
        return store(thing)
    except UsageError:
        return Stored(None, "", plain=thing)


def _axes_by_size(arrays: Sequence[Array | None]) -> list[list[Place]]:
    """Axes of one size, the longest first; those of length 0 and 1 cannot shrink."""
    groups: dict[int, list[Place]] = {}
    for number, array in enumerate(arrays):
        for axis, size in enumerate(array.shape if array is not None else ()):
            groups.setdefault(size, []).append((number, axis))
    return [groups[size] for size in sorted(groups, reverse=True) if size > 1]


def _smaller(size: int) -> Iterator[int]:
    """Sizes to try, the smallest first."""
    some = {*range(1, FEW), *(size - (size >> halvings) for halvings in range(1, 32)), size // 4}
    yield from (smaller for smaller in sorted(some) if 0 < smaller < size)


def _ids_in_range(array: Array | None, start: int, smaller: int, size: int) -> Array | None:
    """Whole numbers that may be places along an axis of `size`, moved to where there are some."""
    if array is None or array.dtype.kind not in "iu" or not array.size:
        return array
    largest = int(array.max())
    if not smaller <= largest < size:
        return array
    return np.where(array >= 0, (array - start) % smaller, array).astype(array.dtype)
