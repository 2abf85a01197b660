"""Checks of the protocol: mistakes that leave every single number right.

A backward pass is a linear function of the upstream gradient that keeps its hands off other
people's arrays and has no memory. Each rule here costs a few extra passes and no differences.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.probes import far_point, signed
from capstone.gradcheck.report import Finding
from capstone.gradcheck.subjects import Argument, ContractBrokenError, Subject

ROUNDINGS = 256.0  # of two orders of the same sums, in units of eps of the largest entry


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

    @property
    def arguments(self) -> list[Argument]:
        """The differentiable ones."""
        return [argument for argument in self.subject.arguments if argument.is_differentiable]

    def forward(self, values: Sequence[Array]) -> tuple[Array, Any]:
        """`(y, saved)`, counted."""
        self.forwards += 1
        y, saved = self.subject.forward(values)
        return np.asarray(y), saved

    def backward(
        self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None
    ) -> list[Array]:
        """The gradients, counted."""
        self.backwards += 1
        return [np.asarray(grad) for grad in self.subject.backward(dy, saved, prefill)]

    def both(self, dy: Array, values: Sequence[Array] | None = None) -> list[Array]:
        """Gradients from a fresh forward pass."""
        _, saved = self.forward(self.values if values is None else values)
        return self.backward(dy, saved)

    def differing(self, got: Sequence[Array], wanted: Sequence[Array], exact: bool) -> list[str]:
        """Names of the arguments whose two gradients differ: at all, or beyond rounding."""
        pairs = zip(self.arguments, got, wanted, strict=True)
        return [a.name for a, g, w in pairs if not same(g, w, exact)]


def same(got: Array, wanted: Array, exact: bool) -> bool:
    """Are two arrays equal bit for bit, or to rounding relative to the largest entry?"""
    if got.shape != wanted.shape:
        return False
    if exact or not wanted.size:
        return bool(np.array_equal(got, wanted))
    eps = float(np.finfo(wanted.dtype).eps)
    scale = max(float(np.abs(got).max()), float(np.abs(wanted).max()))
    return bool(np.abs(got - wanted).max() <= ROUNDINGS * eps * scale)


def broken(rule: str, names: Sequence[str], words: str) -> Iterator[Finding]:
    """One finding, if there are names to blame."""
    if names:
        listed = ", ".join(f"d({name})" for name in names)
        yield Finding(rule, f"{listed}: {words}", tuple(names))


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


def check_zero(p: Protocol) -> Iterator[Finding]:
    """An upstream gradient of zero gives zero, exactly."""
    grads = p.both(np.zeros_like(p.dy))
    names = [a.name for a, g in zip(p.arguments, grads, strict=True) if g.any()]
    yield from broken("zero", names, "not zero for an upstream gradient of zero")


def check_linearity(p: Protocol) -> Iterator[Finding]:
    """backward(s (a u + b w)) = s (a backward(u) + b backward(w)), for small and large s."""
    other = signed(p.rng, p.dy.shape, p.dy.dtype)
    of_other = p.both(other)
    a, b = 1.5, -0.75
    for scale in (1e-3, 1.0, 1e3):
        mixed = (scale * (a * p.dy + b * other)).astype(p.dy.dtype)
        wanted = [scale * (a * g + b * h) for g, h in zip(p.gradients, of_other, strict=True)]
        got = p.both(mixed)
        large = [
            scale * (np.abs(g) + np.abs(h)) for g, h in zip(p.gradients, of_other, strict=True)
        ]
        names = [
            argument.name
            for argument, g, w, size in zip(p.arguments, got, wanted, large, strict=True)
            if g.size
            and np.abs(g - w).max() > ROUNDINGS * float(np.finfo(p.dy.dtype).eps) * size.max()
        ]
        if names:
            words = f"not linear in the upstream gradient (scale {scale:g}): clipped or normalized?"
            yield from broken("linearity", names, words)
            return


def check_repeat(p: Protocol) -> Iterator[Finding]:
    """The same passes give the same bits again, and leave earlier results alone."""
    y, saved = p.forward(p.values)
    first = p.backward(p.dy, saved)
    y_then, first_then = y.copy(), [grad.copy() for grad in first]
    if not p.subject.is_reentrant:
        _, saved = p.forward(p.values)
    second = p.backward(p.dy, saved)
    names = p.differing(second, first_then, exact=True)
    yield from broken("repeat", names, "a second backward pass gives another result")
    y_again, saved = p.forward(p.values)
    if not np.array_equal(y_again, y_then):
        words = "two forward passes on the same inputs differ: random, or with a memory"
        yield Finding("repeat", words)
    other = signed(p.rng, p.dy.shape, p.dy.dtype)
    p.backward(other, saved)
    names = p.differing(first, first_then, exact=True)
    yield from broken("buffer", names, "an earlier result changed when backward ran again")
    if not np.array_equal(y, y_then):
        yield Finding("buffer", "the output of an earlier forward pass changed later")


def check_memory(p: Protocol) -> Iterator[Finding]:
    """No gradient shares memory with the upstream gradient, an input, saved values or another."""
    _, saved = p.forward(p.values)
    grads = p.backward(p.dy, saved)
    owners = [("the upstream gradient", p.dy)]
    pairs = zip(p.subject.arguments, p.values, strict=True)
    owners += [(f"the input {argument.name}", value) for argument, value in pairs]
    owners += [("a saved array", array) for array in arrays_in(saved)]
    for argument, grad in zip(p.arguments, grads, strict=True):
        sharing = [words for words, array in owners if np.shares_memory(grad, array)]
        if sharing:
            yield from broken("memory", [argument.name], f"shares memory with {sharing[0]}")
    numbered = list(zip(p.arguments, grads, strict=True))
    for (a, first), (b, second) in itertools.combinations(numbered, 2):
        if np.may_share_memory(first, second) and np.shares_memory(first, second):
            yield from broken("memory", [a.name, b.name], "share memory with each other")


def check_saved(p: Protocol) -> Iterator[Finding]:
    """The backward pass does not write to what the forward pass saved."""
    if not p.subject.is_reentrant:
        return
    _, saved = p.forward(p.values)
    arrays = arrays_in(saved)
    before = [array.copy() for array in arrays]
    p.backward(p.dy, saved)
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(arrays, before, strict=True)):
        yield Finding("saved", "the backward pass writes to the saved values")


def check_interleaved(p: Protocol) -> Iterator[Finding]:
    """Another forward pass in between (elsewhere, or on another instance) changes nothing."""
    far = [far_point(p.rng, value) for value in p.values]
    other = signed(p.rng, p.dy.shape, p.dy.dtype)
    words = "changed by a forward pass elsewhere between its own forward and backward"
    if p.subject.is_reentrant:
        alone = p.both(other, far)
        _, saved = p.forward(p.values)
        _, saved_far = p.forward(far)
        of_far = p.backward(other, saved_far)
        grads = p.backward(p.dy, saved)
        names = [*p.differing(grads, p.gradients, True), *p.differing(of_far, alone, True)]
        yield from broken("interleave", list(dict.fromkeys(names)), words)
        return
    twin = p.subject.twin()
    _, saved = p.forward(p.values)
    _, twin_saved = twin.forward(far)
    twin.backward(other, twin_saved)
    names = p.differing(p.backward(p.dy, saved), p.gradients, exact=True)
    yield from broken("interleave", names, "changed by another instance of the same layer")


def check_accumulation(p: Protocol) -> Iterator[Finding]:
    """Gradients of parameters are added to what is there, not written over it."""
    adds = p.subject.accumulates()
    if not any(adds):
        return
    pairs = list(zip(p.arguments, adds, strict=True))
    kept = [argument for argument, is_added in pairs if is_added]
    prefill = [signed(p.rng, a.value.shape, a.value.dtype) for a in kept]
    _, saved = p.forward(p.values)
    grads = p.backward(p.dy, saved, prefill)
    names = []
    filled = iter(prefill)
    for (argument, is_added), grad, wanted in zip(pairs, grads, p.gradients, strict=True):
        start = next(filled) if is_added else np.zeros_like(wanted)
        if not same(grad, start + wanted, exact=False):
            names.append(argument.name)
    yield from broken("accumulate", names, "not added to the gradient that was already there")


def check_layout(p: Protocol) -> Iterator[Finding]:
    """Fortran-ordered, strided and reversed arrays mean the same as contiguous ones."""
    layouts: dict[str, Callable[[Array], Array]] = {
        "Fortran-ordered": lambda a: np.asfortranarray(a),
        "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
        "negative-stride": lambda a: a[..., ::-1].copy()[..., ::-1] if a.ndim else a,
    }
    for words, lay in layouts.items():
        values = [lay(value) for value in p.values]
        for array in values:
            array.flags.writeable = False
        try:
            grads = p.both(lay(p.dy), values)
        except Exception as error:  # any exception is the finding
            yield Finding("layout", f"fails on {words} arrays: {type(error).__name__}: {error}")
            continue
        names = p.differing(grads, p.gradients, exact=False)
        yield from broken("layout", names, f"another result for {words} arrays")


def check_batch(p: Protocol) -> Iterator[Finding]:
    """Examples of a batch do not mix: gradients concatenate, those of parameters add up.

    Applies where the forward pass itself treats the first axis as a batch.
    """
    y, _ = p.forward(p.values)
    if y.ndim < 2 or len(y) < 2:
        return
    is_batched = [value.ndim >= 2 and len(value) == len(y) for value in p.values]
    halves = [slice(0, 1), slice(1, None)]
    try:
        parts = [
            [v[cut] if b else v for v, b in zip(p.values, is_batched, strict=True)]
            for cut in halves
        ]
        outputs = [p.forward(part)[0] for part in parts]
    except Exception:  # a forward that cannot be split has no batch axis
        return
    if not any(is_batched) or not all(
        same(o, y[cut], False) for o, cut in zip(outputs, halves, strict=True)
    ):
        return
    pieces = [p.both(p.dy[cut], part) for cut, part in zip(halves, parts, strict=True)]
    batched = [
        b for b, a in zip(is_batched, p.subject.arguments, strict=True) if a.is_differentiable
    ]
    joined = [
        np.concatenate(pair) if is_split else pair[0] + pair[1]
        for is_split, pair in zip(batched, zip(*pieces, strict=True), strict=True)
    ]
    names = p.differing(joined, p.gradients, exact=False)
    yield from broken(
        "batch", names, "not the sum (or concatenation) over the examples of the batch"
    )


def check_empty(p: Protocol) -> Iterator[Finding]:
    """A batch of no examples gives empty gradients, and zeros for parameters."""
    y, _ = p.forward(p.values)
    is_batched = [y.ndim >= 2 and v.ndim >= 2 and len(v) == len(y) for v in p.values]
    if not any(is_batched):
        return
    values = [
        value[:0] if batched else value for value, batched in zip(p.values, is_batched, strict=True)
    ]
    try:
        empty, saved = p.forward(values)
    except Exception:  # a forward may refuse an empty batch
        return
    if empty.shape != (0, *y.shape[1:]):
        return
    try:
        grads = p.backward(p.dy[:0], saved)
    except Exception as error:  # any exception is the finding
        words = f"backward fails on an empty batch: {type(error).__name__}: {error}"
        yield Finding("empty", words)
        return
    shapes = [
        v.shape for v, a in zip(values, p.subject.arguments, strict=True) if a.is_differentiable
    ]
    names = [
        argument.name
        for argument, grad, shape in zip(p.arguments, grads, shapes, strict=True)
        if grad.shape != shape or grad.any()
    ]
    yield from broken("empty", names, "not empty (or zero) for an empty batch")


RULES: tuple[Callable[[Protocol], Iterator[Finding]], ...] = (
    check_zero,
    check_linearity,
    check_repeat,
    check_memory,
    check_saved,
    check_interleaved,
    check_accumulation,
    check_layout,
    check_batch,
    check_empty,
)


def check_protocol(p: Protocol) -> Iterator[Finding]:
    """All rules that need nothing but further passes."""
    for rule in RULES:
        name = rule.__name__.removeprefix("check_")
        try:
            yield from rule(p)
        except ContractBrokenError as error:
            yield Finding("contract", str(error))
        except Exception as error:  # whatever a subject raises is a finding
            yield Finding(name, f"a pass failed: {type(error).__name__}: {error}")


def arrays_in(saved: Any) -> list[Array]:
    """All arrays inside nested tuples, lists, dictionaries and dataclasses."""
    if isinstance(saved, np.ndarray):
        return [saved]
    if isinstance(saved, dict):
        saved = list(saved.values())
    elif is_dataclass(saved) and not isinstance(saved, type):
        saved = list(vars(saved).values())
    if isinstance(saved, tuple | list):
        return [array for item in saved for array in arrays_in(item)]
    return []
