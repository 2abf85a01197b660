"""Mistakes that leave every number right: memory, state, writing where one must not."""

import itertools
from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.protocol.passes import (
    DIFFER,
    Protocol,
    broken,
    largest_of,
    point_elsewhere,
)
from capstone.gradcheck.subjects.arrays import arrays_in


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
    pairs = list(zip(p.gradients, of_other, strict=True))
    sizes = [largest_of(g) + largest_of(h) for g, h in pairs]
    for scale in (1e-3, -1.0, 1e3):
        mixed = (scale * (a * p.dy + b * other)).astype(p.dy.dtype)
        wanted = [scale * (a * g + b * h) for g, h in pairs]
        scaled = [abs(scale) * size for size in sizes]
        names = p.beyond_rounding(p.both(mixed), wanted, scaled, 4 * abs(scale))
        if names:
            words = f"not linear in the upstream gradient (scale {scale:g}): clipped or normalized?"
            yield from broken("linearity", names, words)
            return


def check_repeat(p: Protocol) -> Iterator[Finding]:
    """The same passes give the same bits again, and leave earlier results alone."""
    y, saved = p.forward(p.values)
    first = p.backward(p.dy, saved)
    y_then, first_then = y.copy(), [grad.copy() for grad in first]
    names = p.differing(first, p.gradients, exact=True)
    yield from broken("repeat", names, "the same passes give another result later on")
    if not p.subject.is_reentrant:
        _, saved = p.forward(p.values)
    second = p.backward(p.dy, saved)
    names = p.differing(second, first_then, exact=True)
    yield from broken("repeat", names, "a second backward pass gives another result")
    y_again, saved = p.forward(p.values)
    p.output = y_then
    if not p.is_same(y_again, y_then):
        yield Finding("repeat", DIFFER)
    other = signed(p.rng, p.dy.shape, p.dy.dtype)
    p.backward(other, saved)
    names = p.differing(first, first_then, exact=True)
    yield from broken("buffer", names, "an earlier result changed when backward ran again")
    if not np.array_equal(y, y_then):
        yield Finding("buffer", "the output of an earlier forward pass changed later")


def check_memory(p: Protocol) -> Iterator[Finding]:
    """No gradient shares memory with the upstream gradient, an input, saved values or another."""
    _, saved = p.at_base()
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
    _, saved = p.again()
    arrays = arrays_in(saved)
    before = [array.copy() for array in arrays]
    p.backward(p.dy, saved)
    if not all(_is_untouched(a, b) for a, b in zip(arrays, before, strict=True)):
        yield Finding("saved", "the backward pass writes to the saved values")


def _is_untouched(array: Array, before: Array) -> bool:
    can_be_nan = array.dtype.kind in "fc"
    is_equal = np.array_equal(array, before, equal_nan=can_be_nan)
    return is_equal or array.tobytes() == before.tobytes()  # fields of a record may be NaN too


def check_interleave(p: Protocol) -> Iterator[Finding]:
    """Another forward pass in between (elsewhere, or on another instance) changes nothing."""
    far = point_elsewhere(p)
    if far is None:
        p.skipped.append("no second point: the forward pass runs at the given one only")
        return
    other = signed(p.rng, p.dy.shape, p.dy.dtype)
    words = "changed by a forward pass elsewhere between its own forward and backward"
    if p.subject.is_reentrant:
        alone = p.both(other, far)
        _, saved = p.again()
        _, saved_far = p.forward(far)
        of_far = p.backward(other, saved_far)
        grads = p.backward(p.dy, saved)
        names = [*p.differing(grads, p.gradients, True), *p.differing(of_far, alone, True)]
        yield from broken("interleave", list(dict.fromkeys(names)), words)
        return
    try:
        twin = p.subject.twin()
    except Exception as error:  # locks, open files, generators
        p.skipped.append(f"no second instance: it cannot be copied ({type(error).__name__})")
        return
    _, saved = p.again()
    _, twin_saved = twin.forward(far)
    twin.backward(other, twin_saved)
    names = p.differing(p.backward(p.dy, saved), p.gradients, exact=True)
    yield from broken("interleave", names, "changed by another instance of the same layer")


def check_accumulate(p: Protocol) -> Iterator[Finding]:
    """Gradients of parameters are added to what is there, not written over it."""
    adds = p.subject.accumulates()
    if not any(adds):
        return
    pairs = list(zip(p.arguments, adds, strict=True))
    kept = [argument for argument, is_added in pairs if is_added]
    # as large as the gradient itself: neither may vanish beside the other
    sizes = [
        largest_of(g) or 1.0
        for (_, is_added), g in zip(pairs, p.gradients, strict=True)
        if is_added
    ]
    prefill = [
        (size * signed(p.rng, a.value.shape, np.dtype(float))).astype(a.value.dtype)
        for a, size in zip(kept, sizes, strict=True)
    ]
    _, saved = p.at_base()
    grads = p.backward(p.dy, saved, prefill)
    filled = iter(prefill)
    wanted = [
        next(filled) + g if is_added else g for is_added, g in zip(adds, p.gradients, strict=True)
    ]
    names = p.differing(grads, wanted, exact=False)
    yield from broken("accumulate", names, "not added to the gradient that was already there")
