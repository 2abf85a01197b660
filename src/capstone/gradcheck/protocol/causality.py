"""Causality: what comes later changes no earlier output, and earlier outputs no later gradient."""

from collections.abc import Iterator, Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.protocol.passes import Protocol, broken, is_near, largest_of
from capstone.gradcheck.usage import refuse

CUTS = 3  # points in time at which past and future are told apart


def check_causality(p: Protocol, axis: int) -> Iterator[Finding]:
    """Along one axis of the output, and of all arguments that share it.

    Args:
        p: the subject at its point.
        axis: of time, counted from the end, as -2 in (B, T, D).

    Raises:
        UsageError: no such axis in the output or in any argument.
    """
    y, _ = p.base
    timed = timed_arguments(p, y, axis)
    length = y.shape[axis]
    cuts = {int(cut) for cut in np.linspace(1, length - 1, CUTS)} if length > 1 else set()
    for cut in sorted(cuts):
        past, future = (_along(y.ndim, axis, part) for part in (slice(cut), slice(cut, None)))
        values = [
            _with_other_future(p, value, axis, cut) if index in timed else value
            for index, value in enumerate(p.values)
        ]
        there, _ = p.forward(values)
        if not is_near(there[past], y[past], largest_of(y), 0.0):
            words = f"outputs before {cut} of axis {axis} change with what comes later"
            yield Finding("causality", words)
            return
        dy = np.array(p.dy)
        dy[future] = 0
        yield from _leaks(p, p.both(dy), timed, axis, cut)


def check_axis(axis: object) -> None:
    """Counted from the end, because examples may be stacked in front.

    Raises:
        UsageError: it is not.
    """
    if isinstance(axis, bool) or not isinstance(axis, int) or axis >= 0:
        expected = "a negative integer, as -2 in (B, T, D)"
        refuse("causal must name the axis of time", expected=expected, got=repr(axis))


def timed_arguments(p: Protocol, y: Array, axis: int) -> list[int]:
    """Numbers of the arguments that have the axis, as long as in the output.

    Raises:
        UsageError: there is none.
    """
    if axis < -y.ndim:
        expected = f"an axis of the output {y.shape}"
        refuse("causal must name the axis of time", expected=expected, got=axis)
    found = [
        index
        for index, value in enumerate(p.values)
        if value.ndim >= -axis and value.shape[axis] == y.shape[axis]
    ]
    if not found:
        rule = "causal must name an axis that an argument shares with the output"
        refuse(rule, expected=f"axis {axis} of size {y.shape[axis]}", got="none")
    return found


def _leaks(
    p: Protocol, grads: Sequence[Array], timed: Sequence[int], axis: int, cut: int
) -> Iterator[Finding]:
    able = [i for i, a in enumerate(p.subject.arguments) if a.is_differentiable]
    names = []
    for index, grad, whole in zip(able, grads, p.gradients, strict=True):
        late = grad[_along(grad.ndim, axis, slice(cut, None))] if index in timed else grad[:0]
        if not is_near(late, np.zeros_like(late), largest_of(whole), 0.0):
            names.append(p.subject.arguments[index].name)
    words = f"not zero from {cut} of axis {axis} on, for an upstream gradient that ends before it"
    yield from broken("causality", names, words)


def _along(ndim: int, axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if i == ndim + axis else slice(None) for i in range(ndim))


def _with_other_future(p: Protocol, value: Array, axis: int, cut: int) -> Array:
    """The same up to the cut, something else after it; what is neither stays in its domain."""
    changed = np.array(value)
    future = _along(value.ndim, axis, slice(cut, None))
    flat = changed[future].reshape(-1)
    changed[future] = flat[p.rng.permutation(flat.size)].reshape(changed[future].shape)
    if value.dtype.kind == "f":
        changed[future] *= value.dtype.type(1.5)
    return changed
