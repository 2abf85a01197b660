"""Conventions: ways in which two right implementations of the same thing may differ."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.phrases import factor_in_words
from capstone.gradcheck.numeric.evaluator import Evaluator

FIT = 1e-9  # of a factor: how near a named one must be
SMALL = 1e-3  # the largest distance of two approximations of one activation
SCALES = [4.0**power for power in range(10)]  # of the rows, to see an eps vanish beside them
POWER = 0.1  # by which the ratio of two neighbors may miss a power of the scale
ROUNDING = 1e-12  # relative differences below it are no difference


@dataclass(frozen=True)
class Two:
    """Two forward passes that differ, in float64 at the same point.

    Args:
        own: the one that is judged.
        oracle: the other one.
        allowed: how far rounding moves their outputs apart.
        pairs: numbers of the arguments that belong together, own and oracle's.
        slopes: derivatives along the same directions, own and oracle's, and what noise explains.
    """

    own: Evaluator
    oracle: Evaluator
    allowed: float
    pairs: Sequence[tuple[int, int]]
    slopes: tuple[Array, Array, Array]

    def at(self, change: float) -> tuple[Array, Array]:
        """Both outputs with the first argument so many times as large."""
        i, j = self.pairs[0]
        return (
            self.own.output_at({i: self.own.values[i] * change}),
            self.oracle.output_at({j: self.oracle.values[j] * change}),
        )

    def is_same(self, own: Array, oracle: Array) -> bool:
        """Are two outputs equal to rounding?"""
        return bool(own.shape == oracle.shape and np.all(np.abs(own - oracle) <= self.allowed))

    def has_slopes(self, factor: float) -> bool:
        """Are the own derivatives so many times the oracle's?"""
        own, oracle, noise = self.slopes
        return bool(own.size and np.all(np.abs(own - factor * oracle) <= noise * (1 + abs(factor))))


def name_convention(two: Two) -> str:
    """What the difference looks like, if like one of the usual ones; else nothing."""
    rules = (_shape, _constant, _factor, _activation, _eps)
    return next((words for rule in rules if (words := rule(two))), "")


def _shape(two: Two) -> str:
    own, oracle = two.own.base, two.oracle.base
    if own.shape == oracle.shape:
        return ""
    small, large = sorted((own, oracle), key=np.size)
    who = ("your output", "the oracle's") if small is own else ("the oracle's output", "yours")
    size = max(1.0, float(large.size))
    for words, reduced in (("sum", large.sum()), ("mean", large.mean())):
        if small.size == 1 and abs(small.reshape(()) - reduced) <= two.allowed * size:
            return f"{who[0]} is the {words} of {who[1]}"
    if own.size == oracle.size and two.is_same(own.reshape(-1), oracle.reshape(-1)):
        return "the same numbers in another shape"
    is_flipped = own.ndim == oracle.ndim >= 2 and two.is_same(own.swapaxes(-1, -2), oracle)
    return "the same numbers with the last two axes exchanged" if is_flipped else ""


def _constant(two: Two) -> str:
    own, oracle = two.own.base, two.oracle.base
    if own.shape != oracle.shape or not two.has_slopes(1):
        return ""
    difference = own - oracle
    if np.ptp(difference) <= two.allowed:
        return f"a constant is added: {difference.mean():.6g}"
    return "something is added that depends on no argument"


def _factor(two: Two) -> str:
    own, oracle = two.own.base, two.oracle.base
    if own.shape != oracle.shape or not oracle.any():
        return ""
    factor = float((own * oracle).sum() / (oracle * oracle).sum())
    allowed = two.allowed * (1 + abs(factor))
    if not np.all(np.abs(own - factor * oracle) <= allowed) or not two.has_slopes(factor):
        return ""
    return f"your output is {factor_in_words(factor)} x the oracle's{_named(factor, two)}"


def _named(factor: float, two: Two) -> str:
    """Sizes at hand, and products of neighboring axes, as the factor, inverse or root."""
    for size in _sizes(two):
        for words, value in (
            (f"{size}: a sum against a mean?", size),
            (f"1/{size}: a mean against a sum?", 1 / size),
            (f"sqrt({size}): a scale?", size**0.5),
            (f"1/sqrt({size}): a scale?", size**-0.5),
            (f"{size}/{size - 1}: a mean over N - 1?", size / (size - 1)),
            (f"{size - 1}/{size}: a mean over N?", (size - 1) / size),
            (f"sqrt({size}/{size - 1}): a variance over N?", (size / (size - 1)) ** 0.5),
            (f"sqrt({size - 1}/{size}): a variance over N - 1?", ((size - 1) / size) ** 0.5),
        ):
            if abs(factor - value) <= FIT * abs(value):
                return f" ({words})"
    return ""


def _sizes(two: Two) -> list[int]:
    shapes = {np.shape(v) for v in [*two.own.values, two.own.base]}
    found = {
        math.prod(shape[start:end])
        for shape in shapes
        for start, end in combinations(range(len(shape) + 1), 2)
    }
    return sorted(size for size in found if size > 1)


def _activation(two: Two) -> str:
    i, _ = two.pairs[0] if two.pairs else (0, 0)
    x, own, oracle = two.own.values[i], two.own.base, two.oracle.base
    if not two.pairs or not x.shape == own.shape == oracle.shape or not x.size:
        return ""
    known = [
        next((name for name, y in _gelus(x) if two.is_same(y, output)), "")
        for output in (own, oracle)
    ]
    if all(known):
        return f"yours is {known[0]}, the oracle's is {known[1]}"
    largest = float(np.max(np.abs(own - oracle)))
    at_zero = two.at(0.0)
    if largest > SMALL or any(y.any() for y in at_zero) or not _is_elementwise(two, i):
        return ""
    return (
        f"two approximations of one activation: at most {largest:.1e} apart, and equal at 0, "
        "as GELU by tanh and by erf are"
    )


def _gelus(x: Array) -> Iterator[tuple[str, Array]]:
    erf = np.vectorize(math.erf, otypes=[float])
    yield "GELU by erf", x * 0.5 * (1 + erf(x / math.sqrt(2)))
    yield "GELU by tanh", x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    yield "GELU by a sigmoid", x * 0.5 * (1 + np.tanh(0.851 * x))
    yield "SiLU", x * 0.5 * (1 + np.tanh(0.5 * x))


def _is_elementwise(two: Two, index: int) -> bool:
    """Does the first entry alone move when it is the only one that is moved?"""
    moved = np.array(two.own.values[index])
    moved.reshape(-1)[0] += 1
    change = two.own.output_at({index: moved}) != two.own.base
    return not change.reshape(-1)[1:].any()


def _eps(two: Two) -> str:
    """A constant beside a sum of squares: what it does vanishes with a power of the scale."""
    if not two.pairs or two.own.base.shape != two.oracle.base.shape:
        return ""
    outputs = [two.at(scale) for scale in SCALES]
    last, before = outputs[-1][0], outputs[-2][0]
    if not _distance(last, before) <= SMALL:  # a normalization forgets the scale of its rows
        return ""
    distances = [_distance(own, oracle) for own, oracle in outputs]
    pairs = [(a, b) for a, b in pairwise(distances) if b > ROUNDING]
    for power, where in ((2, "of another size or in another place"), (1, "outside of the root")):
        fits = [abs(a / b / 4.0**power - 1) <= POWER for a, b in pairs]
        if any(first and second for first, second in pairwise(fits)):
            return (
                f"the difference shrinks by {4**power} where the rows are 4 times as large, and "
                f"vanishes: an eps {where}"
            )
    return ""


def _distance(one: Array, other: Array) -> float:
    norm = float(np.linalg.norm(other))
    return float(np.linalg.norm(one - other)) / norm if norm else float("nan")
