"""What the protocol rules share: the subject at its point, its passes, and what counts as equal.

A backward pass is a linear function of the upstream gradient that keeps its hands off other
people's arrays and has no memory. The rules cost a few extra passes and no differences.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.probes import far_point, near_point
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.subjects.subject import Argument, ContractBrokenError, Subject
from capstone.gradcheck.verdict.base import Base, gradients_by_index
from capstone.gradcheck.verdict.noise import allowance, scatter
from capstone.gradcheck.verdict.small import tiny_allowance

ROUNDINGS = 256.0  # of two orders of the same sums, in units of eps of the largest entry
FINE = 1e-4  # relative: what differs by less, from pass to pass, may be another order of sums
UNORDERED = "passes on the same numbers differ by rounding: sums in another order each time?"
COARSE_ROUNDINGS = 16.0  # the same in bfloat16, where 256 would be twice the largest entry

DIFFER = "two forward passes on the same inputs differ: random, or with a memory"

Move = Callable[[np.random.Generator, Array], Array]


class NotRepeatedError(ContractBrokenError):
    """A further forward pass at the point gave another output than the first."""


class Batch(NamedTuple):
    """A batch in two parts."""

    is_batched: list[bool]
    """For each argument: does it have the batch's axis?"""
    cuts: list[slice]
    parts: list[list[Array]]
    saved: list[Any]
    """What the forward pass saved of each part."""


@dataclass
class Protocol:
    """One subject at one point, and what its passes gave there.

    Args:
        subject: what is checked.
        values: read-only arrays, one an argument.
        dy: read-only upstream gradient.
        gradients: one per differentiable argument, from the first backward pass.
        rng: for further upstream gradients and points.
    """

    subject: Subject
    values: Sequence[Array]
    dy: Array
    gradients: Sequence[Array]
    rng: np.random.Generator
    backwards: int = 0
    forwards: int = 0
    skipped: list[str] = field(default_factory=list)
    output: Array | None = None
    """What further forward passes at the point must give, once that is known."""
    may_reuse: bool = False
    """The subject has been seen to give the same again and to leave saved values alone."""

    @property
    def arguments(self) -> list[Argument]:
        """The differentiable ones."""
        return [argument for argument in self.subject.arguments if argument.is_differentiable]

    def forward(self, values: Sequence[Array]) -> tuple[Array, Any]:
        """`(y, saved)`, counted."""
        self.forwards += 1
        y, saved = self.subject.forward(values)
        output = np.asarray(y)
        if output.dtype.kind != "f":
            raise ContractBrokenError(f"the output has dtype {output.dtype} in a later pass")
        return output, saved

    def backward(
        self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None
    ) -> list[Array]:
        """The gradients, counted."""
        self.backwards += 1
        grads = [np.asarray(grad) for grad in self.subject.backward(dy, saved, prefill)]
        for argument, grad in zip(self.arguments, grads, strict=True):
            if grad.dtype.kind != "f":
                words = f"d({argument.name}) has dtype {grad.dtype} in a later pass"
                raise ContractBrokenError(words)
        return grads

    @cached_property
    def base(self) -> tuple[Array, Any]:
        """`(y, saved)` at the point itself, of one forward pass for all who only look."""
        return self.again()

    def again(self) -> tuple[Array, Any]:
        """`(y, saved)` at the point itself, of a further forward pass.

        Raises:
            NotRepeatedError: y is not what it was.
        """
        y, saved = self.forward(self.values)
        if self.output is not None and not self.is_same(y, self.output):
            raise NotRepeatedError(DIFFER)
        return y, saved

    def at_base(self) -> tuple[Array, Any]:
        """`(y, saved)` at the point itself, of a forward pass of its own if others spoil it."""
        return self.base if self.may_reuse else self.again()

    @cached_property
    def batch(self) -> "Batch | None":
        """The first axis as a batch in two parts, where the forward pass treats it as one."""
        y, _ = self.base
        is_batched = [y.ndim >= 2 and v.ndim >= 2 and len(v) == len(y) for v in self.values]
        if not any(is_batched) or len(y) < 2:
            return None
        cuts = [slice(0, 1), slice(1, None)]
        parts = [
            [v[cut] if b else v for v, b in zip(self.values, is_batched, strict=True)]
            for cut in cuts
        ]
        try:
            passes = [self.forward(part) for part in parts]
        except Exception:  # a forward that cannot be split has no batch axis
            return None
        outputs = [output for output, _ in passes]
        pairs = zip(outputs, cuts, strict=True)
        if not all(is_near(output, y[cut], largest_of(y), 0.0) for output, cut in pairs):
            return None
        return Batch(is_batched, cuts, parts, [saved for _, saved in passes])

    def both(self, dy: Array, values: Sequence[Array] | None = None) -> list[Array]:
        """Gradients at the point itself, or elsewhere."""
        _, saved = self.at_base() if values is None else self.forward(values)
        return self.backward(dy, saved)

    def differing(self, got: Sequence[Array], wanted: Sequence[Array], exact: bool) -> list[str]:
        """Names of the arguments whose two gradients differ: at all, or beyond rounding."""
        if exact:
            trios = zip(self.arguments, got, wanted, strict=True)
            return [a.name for a, g, w in trios if not self.is_same(g, w)]
        sizes = [largest_of(g, w) for g, w in zip(got, wanted, strict=True)]
        return self.beyond_rounding(got, wanted, sizes, 1.0)

    def is_same(self, got: Array, wanted: Array) -> bool:
        """Are two results the same, to the last bit or but for the order of their sums?

        Threads and devices add up in any order. That is worth a warning. In half precision it would
        excuse too much.
        """
        if np.array_equal(got, wanted) or np.array_equal(got, wanted, equal_nan=True):
            return True  # the second takes four times as long
        is_fine = ROUNDINGS * float(np.finfo(wanted.dtype).eps) <= FINE
        if is_fine and is_near(got, wanted, largest_of(got, wanted), 0.0):
            if UNORDERED not in self.skipped:
                self.skipped.append(UNORDERED)
            return True
        return False

    def beyond_rounding(
        self, got: Sequence[Array], wanted: Sequence[Array], sizes: Sequence[float], scale: float
    ) -> list[str]:
        """Names of the arguments whose gradients differ by more than rounding at these sizes.

        Cancellation may have cost a gradient more digits than its size tells: where it seems to
        differ, its noise is measured, for an upstream gradient `scale` times the base's.
        """
        tried = [is_near(g, w, size, 0.0) for g, w, size in zip(got, wanted, sizes, strict=True)]
        if all(tried):
            return []
        rows = zip(self.arguments, got, wanted, sizes, self.noise, strict=True)
        return [
            a.name
            for a, g, w, size, noise in rows
            if not is_near(g, w, size, scale * noise + COARSE_ROUNDINGS * a.coarse_eps * size)
        ]

    @cached_property
    def noise(self) -> list[float]:
        """What each gradient at the base point may be off by, largest entry: measured, mostly."""
        base = Base(list(self.values), self.dy, list(self.gradients), False)
        moved = list(scatter(self.subject, base, self.rng))
        indices = gradients_by_index(self.subject, self.gradients)
        allowances = [allowance([sample[index] for sample in moved]) for index in indices]
        outputs = float(np.abs(self.dy * self.base[0]).sum())
        rows = zip(allowances, self.arguments, self.gradients, strict=True)
        return [
            float(np.max(a, initial=0.0))
            + float(tiny_allowance(largest_of(grad), outputs, argument.value, argument.eps))
            for a, argument, grad in rows
        ]


def is_near(got: Array, wanted: Array, size: float, noise: float) -> bool:
    """Are two arrays equal to rounding of numbers as large as `size`, and to the given noise?"""
    if got.shape != wanted.shape:
        return False
    if not wanted.size:
        return True
    allowed = ROUNDINGS * float(np.finfo(wanted.dtype).eps) * size + noise
    return bool(np.abs(got - wanted).max() <= allowed < np.inf)  # infinities excuse nothing


def largest_of(*arrays: Array) -> float:
    """The largest absolute value in any of the arrays."""
    return max(float(np.abs(array).max(initial=0)) for array in arrays)


def broken(rule: str, names: Sequence[str], words: str) -> Iterator[Finding]:
    """One finding, if there are names to blame."""
    if names:
        listed = ", ".join(f"d({name})" for name in names)
        yield Finding(rule, f"{listed}: {words}", tuple(names))


def point_elsewhere(
    p: Protocol, moves: Sequence[Move] = (far_point, near_point), chosen: Sequence[int] = ()
) -> list[Array] | None:
    """Values at which the forward pass still runs: by the first of the moves that finds some.

    `chosen` are the numbers of the arguments to move; all if none are given.
    """
    y, _ = p.base
    for move in moves:
        moved = [
            move(p.rng, value) if not chosen or index in chosen else value
            for index, value in enumerate(p.values)
        ]
        try:
            there, _ = p.forward(moved)
        except Exception:  # outside the domain
            continue
        if y.shape == there.shape and np.isfinite(there).all():
            return moved
    return None


def check_contract(p: Protocol) -> Iterator[Finding]:
    """Every gradient is an array with the shape and dtype of its argument."""
    for argument, grad in zip(p.arguments, p.gradients, strict=True):
        if grad.dtype == object:
            words = f"d({argument.name}) is None or no array, expected shape {argument.value.shape}"
        elif grad.shape != argument.value.shape:
            words = f"d({argument.name}) has shape {grad.shape}, expected {argument.value.shape}"
        elif grad.dtype != argument.value.dtype:
            words = f"d({argument.name}) has dtype {grad.dtype}, expected {argument.value.dtype}"
        else:
            continue
        yield Finding("contract", words, (argument.name,))
