"""The notation in which inputs are asked for.

    [kind:] axis axis ... [< limit [or ignored]]

| text | array |
|---|---|
| `"B T D"` | three axes of different sizes; `T` is as long wherever it stands |
| `"H*K"` | an axis as long as the product |
| `"B 1 D"` | an axis of a given size, such as one to broadcast along |
| `""` | a single number |
| `"B T < V"` | whole numbers from 0 to V - 1 |
| `"B T < V or -1"` | the same, some of them replaced by -1 |
| `"mask: T T"` | another kind of array, one of `KINDS` |
"""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice, permutations
from typing import Any, NamedTuple, NoReturn

import numpy as np

from capstone.gradcheck.usage import refuse

KINDS = (
    "rows",
    "gain",
    "weight",
    "saturated",
    "shifted",
    "positive",
    "distinct",
    "unit",
    "probabilities",
    "mask",
    "causal",
)
# Not 2: rows of two entries are all but constant once they are normalized, 2 - 1 is a factor of 1,
# and a reversed axis of two is a rolled one. Odd ones are never one apart: a size off by one shows.
PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
MOST_ENTRIES = 1 << 26  # of one array: half a gigabyte of float64
MOST_TRIES = 1000  # at sizes whose products differ too
TERM = r"(?:\d{1,12}|[^\W\d]\w*)"
AXIS = re.compile(rf"{TERM}(?:\*{TERM})*")
ARRAY = re.compile(
    r"\s*(?:(?P<kind>\w+)\s*:)?(?P<axes>[^<:]*)"
    r"(?:<\s*(?P<limit>\S+)(?:\s+or\s+(?P<ignored>-?\d{1,12}))?)?\s*"
)
EXAMPLES = '"B T D", "H*K", "B T < V", "B T < V or -1", "mask: T T"'


class ArraySpec(NamedTuple):
    """One array that is asked for."""

    name: str
    kind: str
    """One of `KINDS`, or "ids"."""
    axes: tuple[str, ...]
    limit: str
    """Ids are below it; empty for other kinds."""
    ignored: int | None
    """Stands in some places instead of an id."""

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(size_of(axis, sizes) for axis in self.axes)


def parse(spec: Mapping[str, str]) -> list[ArraySpec]:
    """Every array of a specification.

    Raises:
        UsageError: it is no mapping of names to texts in the notation.
    """
    if not isinstance(spec, Mapping) or not spec:
        rule = "spec must name at least one array"
        _refuse(rule, expected='such as {"x": "B T D"}', got=repr(spec))
    return [_parse_one(name, text) for name, text in spec.items()]


def _parse_one(name: object, text: object) -> ArraySpec:
    if not isinstance(name, str) or not name:
        _refuse("arrays must have names", expected="text that is not empty", got=repr(name))
    match = ARRAY.fullmatch(text) if isinstance(text, str) else None
    axes = tuple(match["axes"].split()) if match else ()
    limit = (match["limit"] or "") if match else ""
    named = (*axes, limit) if limit else axes
    if not match or not all(AXIS.fullmatch(axis) for axis in named):
        rule = f"cannot read the spec of {name!r}"
        _refuse(rule, expected=f"such as {EXAMPLES}", got=repr(text))
    kind = match["kind"] or _usual_kind(axes, limit)
    if kind not in (("ids",) if limit else KINDS):
        rule = f"{name!r} is of an unknown kind"
        expected = "no kind before whole numbers" if limit else f"one of {', '.join(KINDS)}"
        _refuse(rule, expected=expected, got=repr(kind))
    ignored = int(match["ignored"]) if match["ignored"] else None
    return ArraySpec(name, kind, axes, limit, ignored)


def _usual_kind(axes: tuple[str, ...], limit: str) -> str:
    """Without a word about it, one axis is that of a gain, and more are rows."""
    if limit:
        return "ids"
    return "gain" if len(axes) <= 1 else "rows"


def symbols(arrays: list[ArraySpec]) -> list[str]:
    """The names of all axes and limits, in the order in which they appear."""
    found = [factor for array in arrays for axis in _terms(array) for factor in axis.split("*")]
    return list(dict.fromkeys(factor for factor in found if not _is_size(factor)))


def _terms(array: ArraySpec) -> Iterator[str]:
    yield from array.axes
    if array.limit:
        yield array.limit


def size_of(axis: str, sizes: Mapping[str, int]) -> int:
    """The size of an axis: the product of its factors."""
    factors = axis.split("*")
    return math.prod(int(factor) if _is_size(factor) else sizes[factor] for factor in factors)


def _is_size(factor: str) -> bool:
    return factor[0].isdecimal()


def choose_sizes(
    arrays: list[ArraySpec], fixed: Mapping[str, int], pool: tuple[int, ...] = PRIMES
) -> dict[str, int]:
    """A size for every name: those given, and for the others different numbers of the pool.

    No two axes get the same size, products included, unless that is asked for.

    Raises:
        UsageError: given sizes that are no positive integers or have no axis; too many names.
    """
    names = symbols(arrays)
    _check_fixed(fixed, names)
    given = {name: int(fixed[name]) for name in names if name in fixed}
    free = unused(arrays, given, pool)
    missing = [name for name in names if name not in given]
    if len(missing) > len(free):
        got = f"{len(missing)}: {', '.join(missing)}"
        rule = "too many names without a size"
        _refuse(rule, expected=f"at most {len(free)}", got=got, mend="use sizes=")
    tries = (
        given | dict(zip(missing, chosen, strict=True))
        for chosen in islice(permutations(free, len(missing)), MOST_TRIES)
    )
    first = given | dict(zip(missing, free, strict=False))
    sizes = next((sizes for sizes in tries if all_differ(arrays, sizes)), first)
    for array in arrays:
        _check_array(array, sizes)
    return sizes


def unused(
    arrays: list[ArraySpec], given: Mapping[str, int], pool: tuple[int, ...] = PRIMES
) -> list[int]:
    """The numbers of the pool that no axis has as its size already."""
    numbers = {int(f) for a in arrays for axis in _terms(a) for f in axis.split("*") if _is_size(f)}
    return [size for size in pool if size not in {*given.values(), *numbers}]


def all_differ(arrays: list[ArraySpec], sizes: Mapping[str, int]) -> bool:
    """Do axes of different names have different sizes, products included?"""
    axes = {axis for array in arrays for axis in _terms(array)}
    return len({size_of(axis, sizes) for axis in axes}) == len(axes)


def _check_fixed(fixed: Mapping[str, int], names: list[str]) -> None:
    """Sizes are positive integers of names that occur.

    Raises:
        UsageError: they are not.
    """
    if not isinstance(fixed, Mapping):
        rule = "sizes must map names to sizes"
        _refuse(rule, expected='such as {"B": 3}', got=repr(fixed))
    for name, size in fixed.items():
        if name not in names:
            rule = "sizes names an axis that does not occur"
            expected = f"one of {', '.join(names)}" if names else "no sizes"
            _refuse(rule, expected=expected, got=repr(name))
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            rule = f"the size of {name} must be a positive integer"
            _refuse(rule, expected=f"{name} >= 1", got=repr(size))


def _check_array(array: ArraySpec, sizes: Mapping[str, int]) -> None:
    """It has entries, and fits into memory.

    Raises:
        UsageError: it does not.
    """
    if 0 in (size_of(axis, sizes) for axis in _terms(array)):
        rule = f"an array without entries shows nothing: {array.name!r}"
        _refuse(rule, expected="sizes >= 1", got=0)
    entries = max(math.prod(array.shape(sizes)), size_of(array.limit or "1", sizes))
    if entries > MOST_ENTRIES:
        rule = f"{array.name!r} is too large"
        _refuse(rule, expected=f"at most {MOST_ENTRIES:,} entries or ids", got=f"{entries:,}")


def _refuse(rule: str, **words: Any) -> NoReturn:
    refuse(rule, function="design", **words)
