"""Explanations by the products that arguments meet in, such as `x @ w`.

What comes after a product depends on `x A` and `inverse(A) w` as it does on `x` and `w`, whatever
A is. So if x goes nowhere else, `x.T dx = dw w.T`: a share of dx, seen through x, belongs to each
matrix that x meets. Errors obey the same law where both gradients come from one wrong gradient of
the product, whatever other, right paths there are.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations, product
from typing import NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import FIT, Evidence, Known
from capstone.gradcheck.diagnosis.phrases import both

MOST_PARTNERS = 6  # of one argument: 63 sets
NARROWEST = 2  # features of x that must agree, each with each: one alone agrees by accident
LEAST = 3  # features of a gain that must agree


class Share(NamedTuple):
    """What one partner of x has in `x.T dx`."""

    partner: str
    weight: Array  # (D, F), its value, turned so that x @ weight is the product
    part: Array  # (D, D), or (D,) of what is summed over features


def path(e: Evidence) -> str:
    """One of the products that the argument goes into is missing, or is all there is."""
    if not _is_matrix(e.value) or e.grid is not None or not e.is_clear:
        return ""
    seen, true = _through(e.value, e.error), _through(e.value, e.numeric)
    parts = [
        (other.name, gradient @ weight.T)
        for other in e.others
        if other.gradient is not None
        for weight, gradient in _turned(other, other.gradient, len(seen))
    ]
    for name, part in parts:
        if _agree(e, seen, -part):
            return f"the path through {name} is missing: right without it"
        if _agree(e, seen, part):
            return f"the path through {name} is counted twice"
        if _agree(e, seen, -2 * part):
            return f"the path through {name} has the wrong sign"
    for (lost, missing), (name, part) in permutations(parts, 2):
        if lost != name and _agree(e, seen, part - missing):
            return f"the path through {name} counts twice, that through {lost} not at all"
    for name, part in parts:
        if _agree(e, seen, part - true):
            return f"only the path through {name} counts: is another path missing?"
    return ""


def behind(e: Evidence) -> str:
    """Several gradients come from one wrong gradient of a product, and from there all is right."""
    if e.grid is not None or not e.is_clear:
        return ""
    here = Known(e.name, e.value, e.numeric, e.analytic)
    wrong = [here, *(other for other in e.others if _is_wrong(other, e))]
    for left in wrong:
        others = [other for other in wrong if other is not left]
        for names in _groups(e, left, others):
            if e.name in names:
                return _in_words(names)
    return ""


def _groups(e: Evidence, left: Known, others: Sequence[Known]) -> Iterator[list[str]]:
    """Names of those whose errors fit together with that of `left`."""
    if _is_matrix(left.value):
        yield from _together(e, left, others)
    elif left.is_real and left.value.ndim == 1:
        yield from _by_a_gain(e, left, others)


def _in_words(names: Sequence[str]) -> str:
    words = f"the errors of {both(names)} fit together"
    return f"{words}: wrong is what reaches the product, right what follows from it"


def _together(e: Evidence, left: Known, wrong: Sequence[Known]) -> Iterator[list[str]]:
    """Names of those whose errors make up the error of `left`; then with a bias beside them."""
    seen = _through(left.value, _error(left))
    shares = [
        Share(other.name, weight, error @ weight.T)
        for other in wrong
        for weight, error in _turned(other, _error(other), len(seen))
    ]
    for chosen in _sets(shares):
        if not _agree(e, seen, _total(chosen)):
            continue
        yield [left.name, *(share.partner for share in chosen)]
        rows = _rows(_error(left)).sum(axis=0)  # (D,)
        for bias, share in product(wrong, chosen):
            is_bias = bias.value.shape == share.weight.shape[1:]
            if is_bias and _agree(e, rows, share.weight @ _error(bias)):
                yield [left.name, share.partner, bias.name]


def _by_a_gain(e: Evidence, gain: Known, others: Sequence[Known]) -> Iterator[list[str]]:
    """A factor of each feature before the product: seen through it, its gradient is theirs."""
    size = len(gain.value) if len(gain.value) >= LEAST else 0
    shares = [
        Share(other.name, weight, (weight * error).sum(axis=1))
        for other in others
        for weight, error in _turned(other, _error(other), size)
        if other.value.ndim == 2
    ]
    for chosen in _sets(shares):
        if _agree(e, gain.value * _error(gain), _total(chosen)):
            yield [gain.name, *(share.partner for share in chosen)]


def _sets(shares: Sequence[Share]) -> Iterator[tuple[Share, ...]]:
    """Sets of different partners, the small ones first."""
    few = shares[:MOST_PARTNERS]
    for count in range(1, len(few) + 1):
        for chosen in combinations(few, count):
            if len({share.partner for share in chosen}) == count:
                yield chosen


def _total(chosen: Sequence[Share]) -> Array:
    return np.asarray(np.sum([share.part for share in chosen], axis=0))


def _turned(other: Known, gradient: Array, D: int) -> Iterator[tuple[Array, Array]]:
    """(D, F) each: value and gradient of a partner whose first or last axis meets that of x."""
    value = other.value
    if not other.is_real or value.ndim < 2:
        return
    if value.ndim == 2 and len(value) == D:
        yield value, gradient  # forward: x @ w
    if value.shape[-1] == D:
        yield _rows(value).T, _rows(gradient).T  # forward: x @ k.T


def _through(value: Array, gradient: Array) -> Array:
    """`x.T dx` (D, D), summed over all rows."""
    return np.asarray(_rows(value).T @ _rows(gradient))


def _rows(array: Array) -> Array:
    return np.asarray(array.reshape(-1, array.shape[-1]))


def _is_matrix(value: Array) -> bool:
    return value.dtype.kind == "f" and value.ndim > 1 and value.shape[-1] >= NARROWEST


def _is_wrong(other: Known, e: Evidence) -> bool:
    if other.gradient is None or other.analytic is None:
        return False
    return bool(np.abs(_error(other)).max(initial=0) > e.noise)


def _error(known: Known) -> Array:
    error: Array = np.subtract(known.analytic, known.gradient)  # type: ignore[arg-type]
    return error


def _agree(e: Evidence, seen: Array, guess: Array) -> bool:
    """Are the two alike, beside what is in them and beside the noise that both carry?"""
    size = float(np.abs(seen).max(initial=0))
    noise = e.noise * max(1.0, float(np.abs(e.value).sum()))
    return noise <= FIT * size and bool((np.abs(seen - guess) <= FIT * size).all())
