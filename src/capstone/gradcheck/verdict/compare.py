"""Verdicts: is the analytic gradient as near to the numeric one as rounding explains?

The allowance is derived, not chosen by the user. Adding up terms t_1 ... t_n in floating point errs
by at most a small multiple of eps * sum|t|; the numeric side reports that sum for every entry. A
backward pass may go through intermediate values as large as those of its largest entry, so the
largest sum of the argument joins in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Evaluator, Numeric, Slopes
from capstone.gradcheck.numeric.probes import one_hots, signed
from capstone.gradcheck.outcome import ArgumentReport
from capstone.gradcheck.subjects.subject import Argument

ROUNDINGS = 32.0  # that may line up along a chain of operations, in units of eps * sum|terms|
PROBES = 2  # directions an argument in projection mode
PICTURE = 24  # most rows and columns of a picture of errors
LOCALIZE_CALLS = 200  # most forwards that a search for wrong entries may take


@dataclass(frozen=True)
class Comparison:
    """Analytic and numeric gradient of one argument, entry by entry or along probes."""

    argument: Argument
    analytic: Array  # (n,)
    numeric: Slopes  # (n,) each
    sizes: Array  # (n,) of one typical entry, as it shows in the comparison
    extra: Array  # (n,) measured noise
    probes: Array | None = None  # (n, *shape); None: entry by entry
    limit: Array | None = None  # (n,) what a plain implementation errs; None: derive it

    @cached_property
    def allowed(self) -> Array:
        """(n,) the error that rounding explains."""
        if self.limit is not None:
            return np.asarray(self.limit + self.numeric.noise + self.extra)
        terms = self.numeric.terms + self.numeric.terms.max(initial=0)
        derived: Array = ROUNDINGS * eps_of(self.argument) * terms + self.numeric.noise + self.extra
        return derived

    @cached_property
    def error(self) -> Array:
        """(n,) absolute difference; infinite where either side, or its bound, is not finite."""
        error = np.abs(self.analytic - self.numeric.value)
        return np.where(np.isfinite(error) & np.isfinite(self.allowed), error, np.inf)

    @cached_property
    def is_wrong(self) -> Array:
        """(n,) booleans; no comparison with a NaN can make them False."""
        return np.asarray(~(self.error <= self.allowed) | np.isinf(self.error))

    @property
    def shows_something(self) -> bool:
        """Is either gradient, anywhere, more than rounding around zero?"""
        size = np.maximum(np.abs(self.analytic), np.abs(self.numeric.value))
        return bool((~(size <= self.allowed)).any())

    def along(self, gradient: Array) -> Array:
        """(n,) another gradient as this comparison sees it."""
        if self.probes is None:
            return gradient.reshape(-1).astype(float)
        products: Array = (gradient.astype(float) * self.probes).reshape(len(self.probes), -1)
        return np.asarray(products.sum(axis=1))

    def directions_of(self, which: Array) -> Array:
        """(len(which), *shape) the directions of some of the n comparisons."""
        if self.probes is not None:
            return np.asarray(self.probes[which])
        return one_hots(which, self.argument.value.shape)


def eps_of(argument: Argument) -> float:
    """Of the argument's precision, or of the differences' own where that is coarser."""
    return max(argument.eps, float(np.finfo(float).eps))


def compare_entries(
    argument: Argument, index: int, gradient: Array, numeric: Numeric, evaluator: Evaluator
) -> Comparison:
    """Compare every entry of a gradient with its own derivative, in chunks of bounded memory."""
    size, shape = argument.value.size, argument.value.shape
    chunk = evaluator.chunk(index)
    parts = [
        numeric.slopes({index: one_hots(np.arange(start, min(start + chunk, size)), shape)})
        for start in range(0, size, chunk)
    ]
    slopes = Slopes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    analytic = gradient.reshape(-1).astype(float)  # (n,)
    return Comparison(argument, analytic, slopes, np.abs(slopes.value), np.zeros(size))


def compare_probes(
    argument: Argument, index: int, gradient: Array, numeric: Numeric, rng: np.random.Generator
) -> Comparison:
    """Compare a gradient with the derivative along a few random signed directions."""
    shape = (PROBES, *argument.value.shape)
    directions = signed(rng, shape, np.dtype(float))  # (PROBES, *shape)
    parts = [numeric.slopes({index: direction[None]}) for direction in directions]
    slopes = Slopes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    products = (gradient.astype(float) * directions).reshape(PROBES, -1)
    terms = slopes.terms + np.abs(products).sum(axis=1)
    typical = np.full(PROBES, _typical(products))
    slopes = slopes._replace(terms=terms)
    analytic, extra = products.sum(axis=1), np.zeros(PROBES)
    return Comparison(argument, analytic, slopes, typical, extra, directions)


def compare_jointly(
    arguments: Mapping[int, Argument],
    gradients: Mapping[int, Array],
    numeric: Numeric,
    rng: np.random.Generator,
) -> dict[int, Comparison]:
    """Compare several gradients at once, along a few directions through all their arguments.

    Every argument is moved so far that it should contribute as much as any other: none hides the
    errors of the rest. One comparison serves all; what differs is how much of it is an argument's.
    """
    parts, analytic, terms, sizes = [], [], [], []
    for _ in range(PROBES):
        directions, products = {}, {}
        for index, argument in arguments.items():
            direction = signed(rng, argument.value.shape, np.dtype(float))
            total = float(np.abs(gradients[index] * direction).sum())
            directions[index] = direction / (total if 0 < total < np.inf else 1.0)
            products[index] = gradients[index].astype(float) * directions[index]
        parts.append(numeric.slopes({index: d[None] for index, d in directions.items()}))
        analytic.append(sum(float(product.sum()) for product in products.values()))
        terms.append(sum(float(np.abs(product).sum()) for product in products.values()))
        sizes.append({index: _typical(product) for index, product in products.items()})
    slopes = Slopes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    slopes = slopes._replace(terms=slopes.terms + terms)
    return {
        index: Comparison(
            argument,
            np.array(analytic),
            slopes,
            np.array([typical[index] for typical in sizes]),
            np.zeros(PROBES),
        )
        for index, argument in arguments.items()
    }


def _typical(products: Array) -> float:
    """The median contribution of an entry."""
    return _median(np.abs(products[products != 0]))


def _median(values: Array) -> float:
    """The middle one, of two the larger, and 0 of none; `np.median` takes five times as long."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2]) if len(values) else 0.0


def summarize(comparison: Comparison, depth: str) -> ArgumentReport:
    """The verdict on one argument, with its worst entry."""
    argument, numeric = comparison.argument, comparison.numeric.value
    error, allowed, is_wrong = comparison.error, comparison.allowed, comparison.is_wrong
    shape = argument.value.shape
    worst = int(np.argmax(error / np.where(allowed > 0, allowed, np.finfo(float).tiny)))
    norm = float(np.linalg.norm(numeric))
    typical = _median(comparison.sizes[comparison.sizes > 0])
    per_entry = depth == "per_entry"
    entries = tuple(int(i) for i in np.unravel_index(worst, shape)) if per_entry else ()
    return ArgumentReport(
        name=argument.name,
        shape=shape,
        dtype=str(argument.value.dtype),
        compared=argument.value.size,
        wrong=int(is_wrong.sum()),
        worst=entries,
        analytic=float(comparison.analytic[worst]),
        numeric=float(numeric[worst]),
        error=float(error[worst]),
        allowed=float(allowed[worst]),
        norm_error=float(np.linalg.norm(error)) / norm if norm else 0.0,
        norm_allowed=float(np.linalg.norm(allowed)) / norm if norm else 0.0,
        detection_floor=_median(allowed) / typical if typical else float("inf"),
        below_noise=int(((comparison.sizes > 0) & (comparison.sizes <= allowed)).sum()),
        is_right=not is_wrong.any(),
        errors=_picture(error, allowed, shape) if per_entry else (),
    )


def _picture(
    error: Array, allowed: Array, shape: tuple[int, ...]
) -> tuple[tuple[float | None, ...], ...]:
    """Decades by which errors exceed their allowances, folded to at most `PICTURE` squared."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.log10(error / allowed).reshape(-1, shape[-1] if shape else 1)  # rows
    decades = np.where(np.isnan(decades), -np.inf, np.clip(decades, None, 99.0))  # 0 / 0: no error
    for axis, size in enumerate(decades.shape):
        if size > PICTURE:
            starts = np.linspace(0, size, PICTURE, endpoint=False).astype(int)
            decades = np.maximum.reduceat(decades, starts, axis=axis)
    picture = np.round(decades, 1).astype(object)
    picture[decades == -np.inf] = None
    return tuple(map(tuple, picture.tolist()))


def find_wrong_entries(
    argument: Argument, index: int, gradient: Array, numeric: Numeric, rng: np.random.Generator
) -> tuple[list[int], int]:
    """Bisect the entries with fresh signed probes until single wrong ones are left.

    Returns:
        `(entries, forwards)`: flat indices found within `LOCALIZE_CALLS` probes, and the probes.
    """
    flat = gradient.reshape(-1).astype(float)
    eps = eps_of(argument)
    found: list[int] = []
    calls, parts = 0, [np.arange(flat.size)]
    while parts and calls < LOCALIZE_CALLS:
        part = parts.pop()
        direction = np.zeros(flat.size)
        direction[part] = signed(rng, part.shape, np.dtype(float))
        slopes = numeric.slopes({index: direction.reshape(1, *argument.value.shape)})
        calls += 1
        terms = slopes.terms[0] + float(np.abs(flat * direction).sum())
        error = abs(float(flat @ direction) - float(slopes.value[0]))
        if not np.isfinite(error) or error <= ROUNDINGS * eps * terms + float(slopes.noise[0]):
            continue
        if len(part) == 1:
            found.append(int(part[0]))
        else:
            half = len(part) // 2
            parts += [part[half:], part[:half]]
    return sorted(found), calls
