"""Which sizes at hand a constant factor may come from.

Few candidates, simplest first: with enough products of sizes any number could be "explained".
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import permutations
from math import isclose, sqrt

import numpy as np

from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.phrases import factor_in_words

FIT = 1e-6  # relative distance at which a factor counts as a size
PLAIN = (2.0, 0.5, 3.0)  # numbers that stand in formulas of themselves

Named = tuple[float, str]
"""A number at hand, and what it is."""


def origin_of(factor: float, e: Evidence) -> str:
    """`7 = the size of axis 1 of q (...?)`, or nothing if no size at hand matches.

    The first match, options before sizes; none for factors next to 1.
    """
    size = abs(factor)
    if isclose(size, 1, rel_tol=1e-3):
        return ""
    if any(isclose(size, number, rel_tol=FIT) for number in PLAIN):
        found = _of_plain(size, e)
    else:
        named = [*_sizes(e), *_counts(e), *_ratios(e), *_all_rows(e)]
        found = _first(size, _options(e), _option) or _first(size, named, _plain)
        found = found or _first(size, named, _root) or _first(size, _products(e), _plain)
        found = found or _first(size, _quotients(e), _stated)
    return f"{factor_in_words(size)} = {found}" if found else ""


def _of_plain(size: float, e: Evidence) -> str:
    """An option, or the root of a width by which two arguments meet, if nothing else matches.

    A 2 stands in formulas of itself, and beside small arrays it is always some size too.
    """
    option = _first(size, _options(e), _option)
    root = _first(size, [*_meeting(e), *_ratios(e)], _root)
    is_size = bool(_first(size, _sizes(e), _plain))
    return "" if (option and root) or (root and is_size) else option or root


def _first(
    size: float, candidates: Iterable[Named], forms: Callable[[float], list[tuple[float, str]]]
) -> str:
    """The first number at hand of which the factor is a form."""
    for n, name in candidates:
        for value, words in forms(n):
            if isclose(size, value, rel_tol=FIT):
                return words.format(n=factor_in_words(n), name=name)
    return ""


def _option(n: float) -> list[tuple[float, str]]:
    return [
        (n, "{name} (a factor too many, or a division missing?)"),
        (1 / n, "1/{n}, {n} = {name} (a factor missing, or a division too many?)"),
    ]


def _plain(n: float) -> list[tuple[float, str]]:
    return [(n, "{name} (a sum for a mean?)"), (1 / n, "1/{n}, {n} = {name} (a mean for a sum?)")]


def _stated(n: float) -> list[tuple[float, str]]:
    return [(n, "{name}")]


def _root(n: float) -> list[tuple[float, str]]:
    return [
        (sqrt(n), "sqrt({n}), {n} = {name} (is a scale 1/sqrt({n}) missing?)"),
        (1 / sqrt(n), "1/sqrt({n}), {n} = {name} (is that scale applied twice?)"),
    ]


def _axes(e: Evidence) -> list[tuple[int, str]]:
    """Sizes of axes longer than 1, those of the argument itself first."""
    named = [(e.name, e.whole.shape), *((k.name, k.value.shape) for k in e.others)]
    named += [("dy", e.dy.shape)]
    seen: dict[int, str] = {}
    for name, shape in named:
        for axis, size in enumerate(shape):
            if size > 1:
                seen.setdefault(size, f"the size of axis {axis} of {name}")
    return list(seen.items())


def _sizes(e: Evidence) -> Iterator[Named]:
    yield from ((float(size), name) for size, name in _axes(e))


def _options(e: Evidence) -> Iterator[Named]:
    """Options, and what a probability leaves: 1 - p."""
    for name, option in e.options.items():
        if option > 0:
            yield option, name
        if 0 < option < 1:
            yield 1 - option, f"1 - {name}"


def _counts(e: Evidence) -> Iterator[Named]:
    """How many entries of a mask are True, how many ids are not ignored."""
    ignored = e.options.get("ignore_index")
    for known in e.others:
        kind = known.value.dtype.kind
        if kind == "b":
            yield from _positive(int(known.value.sum()), f"the entries of {known.name} set")
        elif kind in "iu":
            kept = known.value >= 0 if ignored is None else known.value != ignored
            words = f"the entries of {known.name} that are not ignored"
            yield from _positive(int(kept.sum()), words)


def _positive(count: int, name: str) -> Iterator[Named]:
    if count > 1:
        yield float(count), name


def _ratios(e: Evidence) -> Iterator[Named]:
    """A size by a whole-numbered option, as the width of a head."""
    for size, name in _axes(e):
        for option, parts in e.options.items():
            if 1 < parts < size and size % parts == 0:
                yield size / parts, f"{name} / {option}"


def _all_rows(e: Evidence) -> Iterator[Named]:
    """All leading axes together."""
    for name, shape in [*((k.name, k.value.shape) for k in e.others), ("dy", e.dy.shape)]:
        if len(shape) > 1:
            yield from _positive(int(np.prod(shape[:-1])), f"the rows of {name}")
            if not _keeps(int(np.prod(shape)), e):
                yield from _positive(int(np.prod(shape)), f"the entries of {name}")


def _keeps(count: int, e: Evidence) -> bool:
    """Are there as many entries in the argument and in the output? A mean over all leaves one."""
    return e.whole.size == e.dy.size == count


def _meeting(e: Evidence) -> Iterator[Named]:
    """Last axes that two matrices share, as queries and keys do."""
    matrices = [(e.name, e.whole.shape), *((k.name, k.value.shape) for k in e.others)]
    widths = [(name, shape[-1], len(shape) - 1) for name, shape in matrices if len(shape) > 1]
    for position, (name, size, axis) in enumerate(widths):
        if size in [other for _, other, _ in widths[position + 1 :]]:
            yield float(size), f"the size of axis {axis} of {name}"


def _products(e: Evidence) -> Iterator[Named]:
    """Products of two sizes."""
    sizes = _axes(e)
    for position, (m, _) in enumerate(sizes):
        for n, _ in sizes[position:]:
            if not _keeps(m * n, e):
                yield float(m * n), f"{m} x {n}, sizes of axes"


def _quotients(e: Evidence) -> Iterator[Named]:
    """n - 1 of n, as of the other standard deviation, then one size by another."""
    sizes = _axes(e)
    for n, name in sizes:
        if n > 2:
            yield n / (n - 1), f"{n} / ({n} - 1), {n} = {name} (n - 1 for n?)"
            yield (n - 1) / n, f"({n} - 1) / {n}, {n} = {name} (n for n - 1?)"
    for (m, _), (n, _) in permutations(sizes, 2):
        yield m / n, f"{m} / {n}, sizes of axes (a mean over the wrong axis?)"
