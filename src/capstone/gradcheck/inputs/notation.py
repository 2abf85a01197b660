"""The notation in which inputs are asked for: `"B T D"`, `"B T < V or -1"`, `"mask: T T"`.

    [kind:] axis axis ... [< limit [or ignored]]

An axis is a name, a number, or a product such as `H*K`. What follows `<` makes whole numbers below
the limit, and what follows `or` is put in some of their places.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from capstone.gradcheck.usage import refuse

KINDS = ("rows", "gain", "weight", "saturated", "positive", "mask")
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
MOST_ENTRIES = 1 << 26  # of one array: half a gigabyte of float64
AXIS = re.compile(r"(\d+|[^\W\d]\w*)(\*(\d+|[^\W\d]\w*))*")
ARRAY = re.compile(
    r"\s*(?:(?P<kind>\w+)\s*:)?(?P<axes>[^<:]*)(?:<\s*(?P<limit>\S+)(?:\s+or\s+(?P<ignored>-?\d+))?)?\s*"
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
        refuse(rule, expected='such as {"x": "B T D"}', got=repr(spec), function="design")
    return [_parse_one(name, text) for name, text in spec.items()]


def _parse_one(name: str, text: object) -> ArraySpec:
    match = ARRAY.fullmatch(text) if isinstance(text, str) else None
    axes = tuple(match["axes"].split()) if match else ()
    limit = (match["limit"] or "") if match else ""
    named = (*axes, limit) if limit else axes
    if not match or not all(AXIS.fullmatch(axis) for axis in named):
        rule = f"cannot read the spec of {name!r}"
        refuse(rule, expected=f"such as {EXAMPLES}", got=repr(text), function="design")
    kind = match["kind"] or _usual_kind(axes, limit)
    if kind not in (("ids",) if limit else KINDS):
        rule = f"{name!r} is of an unknown kind"
        expected = "no kind before whole numbers" if limit else f"one of {', '.join(KINDS)}"
        refuse(rule, expected=expected, got=repr(kind), function="design")
    ignored = int(match["ignored"]) if match["ignored"] else None
    return ArraySpec(str(name), kind, axes, limit, ignored)


def _usual_kind(axes: tuple[str, ...], limit: str) -> str:
    """Without a word about it, one axis is that of a gain, and more are rows."""
    if limit:
        return "ids"
    return "gain" if len(axes) <= 1 else "rows"


def symbols(arrays: list[ArraySpec]) -> list[str]:
    """The names of all axes and limits, in the order in which they appear."""
    found = [factor for array in arrays for axis in _terms(array) for factor in axis.split("*")]
    return list(dict.fromkeys(factor for factor in found if not factor.isdigit()))


def _terms(array: ArraySpec) -> Iterator[str]:
    yield from array.axes
    if array.limit:
        yield array.limit


def size_of(axis: str, sizes: Mapping[str, int]) -> int:
    """The size of an axis: the product of its factors."""
    factors = axis.split("*")
    return math.prod(int(factor) if factor.isdigit() else sizes[factor] for factor in factors)


def choose_sizes(
    arrays: list[ArraySpec], fixed: Mapping[str, int], pool: tuple[int, ...] = PRIMES
) -> dict[str, int]:
    """A size for every name: those given, and for the others different numbers of the pool.

    No two axes get the same size unless that is asked for.

    Raises:
        UsageError: given sizes that are no positive integers or have no axis; too many names.
    """
    names = symbols(arrays)
    _check_fixed(fixed, names)
    sizes = {name: int(fixed[name]) for name in names if name in fixed}
    taken = {size for size in sizes.values()}
    numbers = {int(f) for a in arrays for axis in _terms(a) for f in axis.split("*") if f.isdigit()}
    free = [size for size in pool if size not in taken | numbers]
    missing = [name for name in names if name not in sizes]
    if len(missing) > len(free):
        rule = "too many names without a size"
        got = f"{len(missing)}: {', '.join(missing)}"
        refuse(rule, expected=f"at most {len(free)}", got=got, mend="use sizes=", function="design")
    sizes |= dict(zip(missing, free, strict=False))
    for array in arrays:
        _check_array(array, sizes)
    return sizes


def _check_fixed(fixed: Mapping[str, int], names: list[str]) -> None:
    """Sizes are positive integers of names that occur.

    Raises:
        UsageError: they are not.
    """
    if not isinstance(fixed, Mapping):
        rule = "sizes must map names to sizes"
        refuse(rule, expected='such as {"B": 3}', got=repr(fixed), function="design")
    for name, size in fixed.items():
        if name not in names:
            rule = "sizes names an axis that does not occur"
            expected = f"one of {', '.join(names)}" if names else "no sizes"
            refuse(rule, expected=expected, got=repr(name), function="design")
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            rule = f"the size of {name} must be a positive integer"
            refuse(rule, expected=f"{name} >= 1", got=repr(size), function="design")


def _check_array(array: ArraySpec, sizes: Mapping[str, int]) -> None:
    """It fits into memory, and its ids have somewhere to point.

    Raises:
        UsageError: it does not.
    """
    entries = math.prod(array.shape(sizes))
    if entries > MOST_ENTRIES:
        rule = f"{array.name!r} is too large"
        refuse(rule, expected=f"at most {MOST_ENTRIES:,} entries", got=entries, function="design")
    limit = size_of(array.limit, sizes) if array.limit else 1
    if limit < 1:
        rule = f"the ids of {array.name!r} must have a limit"
        refuse(rule, expected=f"{array.limit} >= 1", got=limit, function="design")
