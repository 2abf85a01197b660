"""Which sizes at hand a constant factor may come from.

Few candidates, simplest first: with enough products of sizes any number could be "explained".
"""

from collections.abc import Callable, Iterable, Iterator
from math import isclose, sqrt

import numpy as np

from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.phrases import factor_in_words

FIT = 1e-6  # relative distance at which a factor counts as a size

Named = tuple[float, str]
"""A number at hand, and what it is."""


def origin_of(factor: float, e: Evidence) -> str:
    """`2 = sqrt(4), 4 = the size of axis 1 of q (...?)`, or nothing if no size at hand matches.

    The simplest plain match and the simplest root; none for factors next to 1.
    """
    size = abs(factor)
    if isclose(size, 1, rel_tol=1e-3):
        return ""
    plain = [*_sizes(e), *_options(e), *_counts(e), *_ratios(e)]
    found = [*_first(size, plain, _plain), *_first(size, plain, _root)]
    found = found or _first(size, _products(e), _plain)
    return f"{factor_in_words(size)} = {' or '.join(found)}" if found else ""


def _first(
    size: float, candidates: Iterable[Named], forms: Callable[[float], list[tuple[float, str]]]
) -> list[str]:
    """The first number at hand of which the factor is a form."""
    for n, name in candidates:
        for value, words in forms(n):
            if isclose(size, value, rel_tol=FIT):
                return [words.format(n=factor_in_words(n), name=name)]
    return []


def _plain(n: float) -> list[tuple[float, str]]:
    return [(n, "{name} (a sum for a mean?)"), (1 / n, "1/{n}, {n} = {name} (a mean for a sum?)")]


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
    """A size by a whole-numbered option, as the width of a head; all leading axes together."""
    for size, name in _axes(e):
        for option, parts in e.options.items():
            if 1 < parts < size and size % parts == 0:
                yield size / parts, f"{name} / {option}"
    for name, shape in [*((k.name, k.value.shape) for k in e.others), ("dy", e.dy.shape)]:
        if len(shape) > 1:
            yield from _positive(int(np.prod(shape[:-1])), f"the rows of {name}")
        if len(shape) > 1:
            yield from _positive(int(np.prod(shape)), f"the entries of {name}")


def _products(e: Evidence) -> Iterator[Named]:
    """Products and quotients of two sizes, and n - 1 of n, as of the other standard deviation."""
    sizes = _axes(e)
    for position, (m, _) in enumerate(sizes):
        for n, _ in sizes[position:]:
            yield float(m * n), f"{m} x {n}, sizes of axes"
            if m != n:
                yield m / n, f"{m} / {n}, sizes of axes"
        if m > 2:
            yield m / (m - 1), f"{m} / ({m} - 1), n for n - 1"
