"""Which mistakes given inputs would hide. Nothing is run: only the arrays are looked at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.inputs.hints import Hint, in_words
from capstone.gradcheck.inputs.numbers import look_at_numbers
from capstone.gradcheck.inputs.whole_numbers import (
    look_at_ids,
    look_at_mask,
    look_at_options,
    look_at_upstream,
)
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.arrays import as_array
from capstone.gradcheck.subjects.find_library import library_of
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.usage import refuse

MOST = 4  # hints in a report


def lint(
    *inputs: Any,
    names: Sequence[str] | None = None,
    upstream: Any = None,
    options: Mapping[str, Any] | None = None,
) -> list[str]:
    """Say which mistakes the inputs of a check would hide, and what to change.

    Args:
        inputs: arrays, as for `check`; parameters of a layer count as inputs.
        names: of the inputs; they are numbered if not given.
        upstream: the upstream gradient, if `check` is given one.
        options: keyword arguments of the forward pass, as an `Op` has them.

    Returns:
        One line a finding, what hides most first; nothing for inputs that hide nothing known.

    Raises:
        UsageError: inputs that are no numeric arrays, names that do not tell them apart.
    """
    called = _names(names, len(inputs))
    if options is not None and not isinstance(options, Mapping):
        rule = "options must map names to values"
        refuse(rule, expected='such as {"p": 0.3}', got=repr(options), function="lint")
    library = library_of(inputs)
    arrays = {
        name: _numeric(name, library.host(thing))
        for name, thing in zip(called, inputs, strict=True)
    }
    hints = [Hint("overlap", name) for name, array in arrays.items() if _overlaps(array)]
    given = None if upstream is None else _numeric("upstream", library.host(upstream))
    with np.errstate(all="ignore"):  # squares of large numbers
        return in_words([*_findings(arrays, given, options or {}), *hints])


def add_hints(report: Report, subject: Subject, upstream: Any) -> None:
    """Add the worst hints on a subject's arguments to the warnings of its report."""
    arrays = {argument.name: argument.value for argument in subject.arguments}
    op = getattr(subject, "op", None)
    given = None if upstream is None else as_array(upstream)
    found = list(_findings(arrays, given, op.options if isinstance(op, Op) else {}))
    if any(hint.kind == "one sign" for hint in found):
        report.forwards += 1
        if not _has_two_sides(subject):
            found = [hint for hint in found if hint.kind != "one sign"]
    hints = in_words(found)
    more = len(hints) - MOST
    report.warnings += hints[:MOST] + ([f"and {more} more, see lint(...)"] if more > 0 else [])


def _findings(
    arrays: Mapping[str, Array], upstream: Array | None, options: Mapping[str, Any]
) -> Iterator[Hint]:
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    wholes = {name: array for name, array in arrays.items() if array.dtype.kind in "iu"}
    if upstream is not None and upstream.size and upstream.dtype.kind in "biuf":
        yield from look_at_upstream(upstream)
    yield from look_at_numbers(floats)
    for name, array in wholes.items():
        yield from look_at_ids(name, array, list(floats.values()))
    for name, array in arrays.items():
        if array.dtype.kind == "b":
            yield from look_at_mask(name, array)
    yield from look_at_options(options, list(wholes.values()))


def _names(given: Sequence[str] | None, count: int) -> list[str]:
    if given is None:
        return [f"input {number}" for number in range(count)]
    names = [str(name) for name in given] if isinstance(given, Sequence) else []
    if len(names) != count or len(set(names)) != count:
        rule = "names must name every input, each differently"
        refuse(rule, expected=f"{count} names", got=repr(given), function="lint")
    return names


def _has_two_sides(subject: Subject) -> bool:
    """Does the forward pass run with the opposite signs? A logarithm or a root does not."""
    values = [-a.value if a.value.dtype.kind == "f" else a.value for a in subject.arguments]
    try:
        y, _ = subject.forward(values)
        return bool(np.all(np.isfinite(y)))
    except Exception:  # whatever a subject raises outside of its domain
        return False


def _numeric(name: str, thing: Any) -> Array:
    array = as_array(thing)
    if array is None or array.dtype.kind not in "biuf":
        got = "rows of unequal length" if array is None else f"dtype {array.dtype}"
        rule = f"{name} must be a numeric array"
        expected = "real, integer or boolean entries"
        refuse(rule, expected=expected, got=got, function="lint")
    return array


def _overlaps(array: Array) -> bool:
    """Do several indices mean one place in memory? Certain where there are more than places."""
    reach = sum((n - 1) * abs(step) for n, step in zip(array.shape, array.strides, strict=True))
    return bool(array.size * array.itemsize > reach + array.itemsize)
