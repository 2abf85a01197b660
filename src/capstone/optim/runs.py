"""Many parameters seen as a few long rows of memory, walked block by block.

A model keeps its parameters as views into one array. An optimizer that steps from parameter to
parameter pays NumPy's overhead for each; one that takes whole rows in one go sends them through
main memory once per arithmetic operation. Merging the views and cutting the result into blocks
that stay near the processor avoids both.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.parameter import Parameter

BLOCK = 131_072
"""Entries per block: 512 KiB of float32. In smaller ones, threads would wait for Python's lock."""


T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """Calls a function with every item, perhaps in several threads; the results are in order."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """One result an item."""


def in_turn(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """One item after the other, in the caller's thread."""
    return [function(item) for item in items]


class Run(NamedTuple):
    """One contiguous row of values and the row of their gradients; both are views."""

    data: Array  # (N,)
    grad: Array  # (N,)


def merge_adjacent(parameters: Sequence[Parameter]) -> list[Run]:
    """The fewest runs that cover the parameters, each entry once.

    Two parameters share a run where their values lie next to each other in one array and their
    gradients do so too, in the same order.

    Args:
        parameters: different parameters, in any order; their arrays are C-contiguous.

    Returns:
        The runs, by ascending address; a parameter with no neighbor is a run of its own.
    """
    merged: list[Run] = []
    for parameter in sorted(parameters, key=lambda parameter: _address(parameter.data)):
        run = Run(parameter.data.reshape(-1), parameter.grad.reshape(-1))  # (N,), (N,)
        if merged and _follows(merged[-1].data, run.data) and _follows(merged[-1].grad, run.grad):
            before = merged.pop()
            run = Run(_join(before.data, run.data), _join(before.grad, run.grad))
        merged.append(run)
    return merged


def blocks(size: int) -> Iterator[slice]:
    """Slices of at most `BLOCK` entries that cover a row of `size` entries in order."""
    return (slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))


class BoundParameters:
    """The parameters of an optimizer, and the very arrays they had when it was made.

    Args:
        where: the optimizer's name, for messages.
        parameters: at least one; each once; real floating-point, C-contiguous arrays.
    """

    def __init__(self, where: str, parameters: Sequence[Parameter]) -> None:
        check_distinct(where, parameters)
        for i, parameter in enumerate(parameters):
            _check_arrays(where, label(parameter, i), parameter)
        self._where = where
        self._bound = [(parameter, parameter.data, parameter.grad) for parameter in parameters]

    def check_still_bound(self) -> None:
        """No parameter was given another array since: the optimizer would update the old one."""
        for i, (parameter, data, grad) in enumerate(self._bound):
            if parameter.data is not data or parameter.grad is not grad:
                attribute = "data" if parameter.data is not data else "grad"
                rule = f"the {attribute} of {label(parameter, i)} was bound to another array"
                mend = f"write into it ({attribute}[...] = values) or make a new optimizer"
                expected = "the array that the optimizer was made with"
                fail(f"{self._where}.step", rule, expected=expected, got="another one", mend=mend)

    def zero_grad(self) -> None:
        """Reset every gradient in place."""
        for parameter, _, _ in self._bound:
            parameter.zero_grad()


def check_distinct(where: str, parameters: Sequence[Parameter]) -> None:
    """There is a parameter, and none is listed twice: a shared one would be counted twice."""
    if not parameters:
        rule = "there must be something to optimize"
        fail(where, rule, expected="at least one parameter", got=0)
    seen: set[int] = set()
    for i, parameter in enumerate(parameters):
        if id(parameter) in seen:
            expected = "every parameter once"
            fail(where, "a parameter is listed twice", expected=expected, got=label(parameter, i))
        seen.add(id(parameter))


def label(parameter: Parameter, position: int) -> str:
    """How messages call a parameter: its name, or else its place in the list."""
    return repr(parameter.name) if parameter.name else f"parameters[{position}]"


def _check_arrays(where: str, name: str, parameter: Parameter) -> None:
    data, grad = parameter.data, parameter.grad
    if not np.issubdtype(data.dtype, np.floating):
        rule = f"{name} must be real floating-point"
        fail(where, rule, expected="a float dtype", got=data.dtype)
    if (data.shape, data.dtype) != (grad.shape, grad.dtype):
        rule = f"the gradient of {name} must match its data"
        expected, got = f"{data.dtype} {data.shape}", f"{grad.dtype} {grad.shape}"
        fail(where, rule, expected=expected, got=got)
    if not (data.flags.c_contiguous and grad.flags.c_contiguous):
        rule = f"{name} must lie in one piece of memory"
        mend = "use np.ascontiguousarray"
        fail(where, rule, expected="C-contiguous data and grad", got="strided ones", mend=mend)


def _address(array: Array) -> int:
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def _follows(row: Array, after: Array) -> bool:
    """Both rows are views of one array, and `after` begins where `row` ends."""
    base = row.base
    return (
        isinstance(base, np.ndarray)
        and base is after.base
        and base.flags.c_contiguous
        and base.dtype == row.dtype == after.dtype
        and _address(row) + row.nbytes == _address(after)
    )


def _join(row: Array, after: Array) -> Array:
    """The row that covers two adjacent rows: a view of the array that both are views of."""
    base = row.base
    assert base is not None  # `_follows` saw to it
    start = (_address(row) - _address(base)) // row.itemsize
    return base.reshape(-1)[start : start + row.size + after.size]  # (N,)
