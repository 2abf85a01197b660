"""One face for everything that can be checked: ops, layers, and functions with a gradient.

A subject is a forward and a backward pass over a fixed list of named arguments. Whatever the
checker asks (perturbed values, another instance, a gradient that is already partly filled), it asks
through this face, so that every check is written once.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import as_array
from capstone.gradcheck.usage import refuse


@dataclass(frozen=True)
class Argument:
    """One input or parameter of a subject; `value` is a read-only copy.

    `coarse_eps` is the spacing of numbers next to 1 where the subject computes in a format that
    NumPy lacks, as bfloat16: `value` then holds the same numbers in float32.
    """

    name: str
    value: Array
    is_differentiable: bool
    coarse_eps: float = 0.0

    @property
    def eps(self) -> float:
        """Spacing of the numbers next to 1, in the format in which the subject computes."""
        return max(float(np.finfo(self.value.dtype).eps), self.coarse_eps)


class ContractBrokenError(Exception):
    """The subject's passes do not keep the calling convention; the message says how."""


class Subject(Protocol):
    """What the checks need to know of the thing that they check."""

    name: str
    arguments: tuple[Argument, ...]
    warnings: tuple[str, ...]
    """What the report should say of the subject before anything has run."""
    is_reentrant: bool
    """Whether several forward passes may be open at once, each with its own saved values."""

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, saved)` at the given values of all arguments."""

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """One gradient per differentiable argument; `prefill` are gradients to add to."""

    def accumulates(self) -> Sequence[bool]:
        """For each differentiable argument: is its gradient added to an array that exists?"""

    def twin(self) -> "Subject":
        """Another instance of the same thing."""

    def restored(self) -> AbstractContextManager[None]:
        """Afterwards the subject holds its own arrays again, whatever happened."""


class Stateless:
    """The half of a subject that functions share: no instances, no arrays of their own."""

    name: str
    arguments: tuple[Argument, ...]
    warnings: tuple[str, ...] = ()
    is_reentrant = True

    def accumulates(self) -> Sequence[bool]:
        """Functions return fresh gradients."""
        return [False for argument in self.arguments if argument.is_differentiable]

    def twin(self) -> Any:
        """Functions have no instances: the same again."""
        return self

    def restored(self) -> AbstractContextManager[None]:
        """Functions hold no arrays."""
        return nullcontext()


def frozen(
    name: str, value: Any, *, is_differentiable: bool = True, coarse_eps: float = 0.0
) -> Argument:
    """A read-only copy of an input, as an argument; integers and booleans have no gradient.

    Raises:
        UsageError: something that is no numeric array.
    """
    given = as_array(value)
    if given is None or given.dtype.kind not in "biuf":
        is_ragged = isinstance(value, list | tuple)
        other = "rows of unequal length" if is_ragged else f"type {type(value).__name__}"
        got = other if given is None else f"dtype {given.dtype}"
        rule = f"{name} must be a numeric array"
        refuse(rule, expected="real, integer or boolean entries", got=got)
    if np.ma.is_masked(value):
        rule = f"{name} must be a numeric array"
        refuse(rule, expected="entries that all count", got="a masked array with masked entries")
    # whatever computes with it gives the machine's own byte order
    array = given.astype(given.dtype.newbyteorder("="), order="C")
    array.flags.writeable = False
    return Argument(name, array, is_differentiable and array.dtype.kind == "f", coarse_eps)


def stacked_values(values: Sequence[Array], arguments: Sequence[Argument]) -> list[Array] | None:
    """The values with one leading axis where several points ride on one; None at a single point.

    Such values come with axes of length 1 behind the leading one, so that they broadcast.
    """
    is_stacked = [v.ndim > a.value.ndim for v, a in zip(values, arguments, strict=True)]
    if not any(is_stacked):
        return None
    return [
        value.reshape(len(value), *argument.value.shape) if one else value
        for value, argument, one in zip(values, arguments, is_stacked, strict=True)
    ]


def one_each(grads: Any, arguments: Sequence[Argument]) -> list[Any]:
    """Sort what a backward pass returned: one gradient for each differentiable argument.

    Raises:
        ContractBrokenError: too few, too many, or none where one is due.
    """
    wanted = [argument for argument in arguments if argument.is_differentiable]
    if not wanted:
        return []
    listed = list(grads) if isinstance(grads, tuple | list) else [grads]
    if len(listed) == len(arguments) != len(wanted):
        pairs = zip(listed, arguments, strict=True)
        listed = [grad for grad, argument in pairs if argument.is_differentiable]
    if len(listed) != len(wanted):
        names = ", ".join(argument.name for argument in wanted)
        raise ContractBrokenError(
            f"backward must return one gradient for each of {names}: expected {len(wanted)}, "
            f"got {len(listed)}"
        )
    for grad, argument in zip(listed, wanted, strict=True):
        if np.ma.is_masked(grad):
            raise ContractBrokenError(f"d({argument.name}) is a masked array with masked entries")
    return listed
