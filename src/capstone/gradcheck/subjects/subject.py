"""One face for everything that can be checked: ops, layers, and functions with a gradient.

A subject is a forward and a backward pass over a fixed list of named arguments. Whatever the
checker asks (perturbed values, another instance, a gradient that is already partly filled), it asks
through this face, so that every check is written once.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import arrays_in, as_array
from capstone.gradcheck.subjects.signatures import argument_names, callable_name
from capstone.gradcheck.usage import refuse


@dataclass(frozen=True)
class Argument:
    """One input or parameter of a subject; `value` is a read-only copy."""

    name: str
    value: Array
    is_differentiable: bool


class ContractBrokenError(Exception):
    """The subject's passes do not keep the calling convention; the message says how."""


class Subject(Protocol):
    """What the checks need to know of the thing that they check."""

    name: str
    arguments: tuple[Argument, ...]
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


@dataclass(frozen=True)
class Op:
    """A pair of functions to check: `forward(*arrays, **options) -> (y, saved)`, `backward`.

    Args:
        forward: returns the output and whatever the backward pass needs.
        backward: `backward(dy, saved) -> grads`, one gradient for each floating-point array of the
            forward pass, in its order; a single gradient may come without its tuple.
        name: how the report calls it; the forward's name without `_fwd` if not given.
        options: keyword arguments of the forward pass.
    """

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[..., Any]
    name: str = ""
    options: dict[str, Any] = field(default_factory=dict)


class FunctionSubject:
    """A forward and a backward function; each forward pass has saved values of its own."""

    is_reentrant = True

    def __init__(
        self, op: Op, inputs: Sequence[Any], signature: Callable[..., Any] | None = None
    ) -> None:
        self.op = op
        self.name = op.name or callable_name(op.forward).removesuffix("_fwd")
        names = argument_names(signature or op.forward, len(inputs))
        self.arguments = tuple(frozen(*pair) for pair in zip(names, inputs, strict=True))

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, saved)` at the given values of all arguments."""
        result = self.op.forward(*values, **self.op.options)
        if not isinstance(result, tuple) or len(result) != 2:
            is_tuple = isinstance(result, tuple)
            got = f"a tuple of {len(result)}" if is_tuple else type(result).__name__
            raise ContractBrokenError(f"forward must return a pair (y, saved), got {got}")
        return result

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """One gradient per differentiable argument."""
        return one_each(self.op.backward(dy, saved), self.arguments)

    def accumulates(self) -> Sequence[bool]:
        """Functions return fresh gradients."""
        return [False for argument in self.arguments if argument.is_differentiable]

    def twin(self) -> "FunctionSubject":
        """Functions have no instances: the same pair again."""
        return self

    def restored(self) -> AbstractContextManager[None]:
        """Functions hold no arrays."""
        return nullcontext()


class LayerSubject:
    """An object with `forward`, `backward` and `parameters`, which remembers one forward pass."""

    is_reentrant = False

    def __init__(self, layer: Any, inputs: Sequence[Any], name: str = "") -> None:
        self.layer = layer = _own_copy(layer)
        self.name = name or type(layer).__name__
        names = argument_names(layer.forward, len(inputs))
        named = named_parameters(layer)
        if {id(p) for _, p in named} != {id(p) for _, p in named_parameters(layer)}:
            rule = f"{self.name} must list the same parameters each time"
            refuse(rule, expected="its own objects", got="new ones made at every call")
        self.parameters = [parameter for _, parameter in named]
        self.n_inputs = len(inputs)
        pairs = [*zip(names, inputs, strict=True), *((n, p.data) for n, p in named)]
        self.arguments = tuple(frozen(*pair) for pair in pairs)

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """Put the values of the parameters in place and run the layer.

        What the layer saved are the arrays that it holds then.
        """
        for parameter, value in zip(self.parameters, values[self.n_inputs :], strict=True):
            parameter.data = value
        y = self.layer.forward(*values[: self.n_inputs])
        return y, arrays_in(getattr(self.layer, "__dict__", None))

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """Run the layer's backward pass and collect what it returned and what it added."""
        learned = self._differentiable_parameters()
        for index, parameter in enumerate(learned):
            start = np.zeros_like(parameter.data) if prefill is None else prefill[index].copy()
            parameter.grad = start
        inputs = self.arguments[: self.n_inputs]
        of_inputs = one_each(self.layer.backward(dy), inputs)
        return [*of_inputs, *(parameter.grad for parameter in learned)]

    def accumulates(self) -> Sequence[bool]:
        """Gradients of parameters are added to; those of inputs are returned."""
        inputs = self.arguments[: self.n_inputs]
        of_inputs = [False for argument in inputs if argument.is_differentiable]
        return [*of_inputs, *(True for _ in self._differentiable_parameters())]

    def _differentiable_parameters(self) -> list[Any]:
        """Those of floating-point numbers: buffers of integers have no gradient."""
        pairs = zip(self.parameters, self.arguments[self.n_inputs :], strict=True)
        return [parameter for parameter, argument in pairs if argument.is_differentiable]

    def twin(self) -> "LayerSubject":
        """A deep copy of the layer, as another instance."""
        twin = copy.copy(self)
        twin.layer = copy.deepcopy(self.layer)
        twin.parameters = [parameter for _, parameter in named_parameters(twin.layer)]
        return twin

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Give the layer its own arrays back at the end, whatever happened."""
        own = [(parameter, parameter.data, parameter.grad) for parameter in self.parameters]
        try:
            yield
        finally:
            for parameter, data, grad in own:
                parameter.data, parameter.grad = data, grad


def _own_copy(layer: Any) -> Any:
    """A deep copy, so that running statistics and caches of the caller's layer stay as they are.

    A layer that cannot be copied is checked itself.
    """
    try:
        return copy.deepcopy(layer)
    except Exception:  # locks, open files, generators
        return layer


def make_subject(
    thing: Any, inputs: Sequence[Any], backward: Callable[..., Any] | None, name: str
) -> FunctionSubject | LayerSubject:
    """The subject that a call of `check` means.

    Raises:
        UsageError: neither an `Op`, nor a layer object, nor a function with `backward=`.
    """
    if isinstance(thing, type):
        rule = "the subject must be an object, not its class"
        refuse(rule, expected=f"{thing.__name__}(...)", got=f"the class {thing.__name__}")
    if isinstance(thing, Op) and backward is not None:
        rule = "an Op has a backward pass of its own"
        refuse(rule, expected="no backward=", got=callable_name(backward))
    if isinstance(thing, Op):
        subject: FunctionSubject | LayerSubject = FunctionSubject(thing, inputs)
    elif backward is not None and callable(thing):
        op = Op(
            lambda *values: (thing(*values), values),
            lambda dy, values: backward(dy, *values),
            callable_name(thing),
        )
        subject = FunctionSubject(op, inputs, signature=thing)
    elif hasattr(thing, "forward") and hasattr(thing, "backward"):
        subject = LayerSubject(thing, inputs)
    else:
        expected = "an Op, an object with forward and backward, or a function with backward="
        rule = "the subject must have a backward pass"
        refuse(rule, expected=expected, got=type(thing).__name__)
    subject.name = name or subject.name
    return subject


def frozen(name: str, value: Any) -> Argument:
    """A read-only copy of an input, as an argument.

    Raises:
        UsageError: something that is no numeric array.
    """
    given = as_array(value)
    if given is None or given.dtype.kind not in "biuf":
        got = "rows of unequal length" if given is None else f"dtype {given.dtype}"
        rule = f"{name} must be a numeric array"
        refuse(rule, expected="real, integer or boolean entries", got=got)
    array = given.copy()
    array.flags.writeable = False
    return Argument(name, array, array.dtype.kind == "f")


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
    return listed


def named_parameters(layer: Any) -> list[tuple[str, Any]]:
    """`(name, parameter)` of an object that lists its parameters, with or without names.

    A parameter that is listed twice, as shared weights are, counts once.

    Raises:
        UsageError: a list that cannot be had, or entries without `data` and `grad` to set.
    """
    found: dict[int, tuple[str, Any]] = {}
    try:
        if hasattr(layer, "named_parameters"):
            pairs = list(layer.named_parameters())
        else:
            listed = getattr(layer, "parameters", ())
            parameters = list(listed() if callable(listed) else listed)
            names = [getattr(parameter, "name", "") for parameter in parameters]
            pairs = [
                (name or f"parameter{i}", parameter)
                for i, (name, parameter) in enumerate(zip(names, parameters, strict=True))
            ]
        for name, parameter in pairs:
            parameter.data, parameter.grad = parameter.data, parameter.grad
            found.setdefault(id(parameter), (name, parameter))
    except Exception as error:  # whatever the caller's code raises is its misuse, in one line
        rule = f"{type(layer).__name__} must list its parameters"
        got = f"{type(error).__name__}: {error}"
        refuse(rule, expected="objects with data and grad that can be set", got=got)
    return list(found.values())
