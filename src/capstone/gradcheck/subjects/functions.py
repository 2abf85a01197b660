"""Functions as subjects: pairs, functions with a gradient, functions that return a callback."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import of_odd_types
from capstone.gradcheck.subjects.find_library import library_of
from capstone.gradcheck.subjects.signatures import argument_names, callable_name
from capstone.gradcheck.subjects.subject import (
    ContractBrokenError,
    Stateless,
    frozen,
    one_each,
)
from capstone.gradcheck.usage import refuse


@dataclass(frozen=True)
class Op:
    """A pair of functions to check: `forward(*arrays, **options) -> (y, saved)`, `backward`.

    Args:
        forward: returns the output and whatever the backward pass needs.
        backward: `backward(dy, saved) -> grads`, one gradient for each floating-point array of the
            forward pass, in its order; a single gradient may come without its tuple.
        name: how the report calls it; the forward's name without `_fwd` if not given.
        options: keyword arguments of the forward pass.
        backward_of_backward: for `check(..., order=2)`: `(ddgrads, dy, saved) -> (ddy, *dinputs)`,
            where `ddgrads` are the gradients with respect to the gradients that `backward` returns,
            one each, and the result those with respect to `dy` and to the inputs.
    """

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[..., Any]
    name: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    backward_of_backward: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Held:
    """What a forward pass on another library's arrays saved, and where its output lives."""

    saved: Any
    spot: Any


class FunctionSubject(Stateless):
    """A forward and a backward function; each forward pass has saved values of its own.

    Args:
        op: the pair.
        inputs: of the forward pass.
        signature: a function whose arguments are named as in the report; the forward if not given.
        n_learned: how many of the inputs have a gradient; all that can if not given.
    """

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Any],
        signature: Callable[..., Any] | None = None,
        n_learned: int | None = None,
    ) -> None:
        self.op, self.options = op, op.options
        self.name = op.name or callable_name(op.forward).removesuffix("_fwd")
        self.library = library = library_of(inputs)
        self.spots = [library.spot(thing) for thing in inputs]
        names = argument_names(signature or op.forward, len(inputs))
        self.warnings = of_odd_types(names, inputs)
        self.arguments = tuple(
            frozen(
                name,
                library.host(thing),
                is_differentiable=n_learned is None or number < n_learned,
                coarse_eps=library.coarse_eps(thing),
            )
            for number, (name, thing) in enumerate(zip(names, inputs, strict=True))
        )

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, saved)` at the given values of all arguments."""
        options, run = self.op.options, self.op.forward
        result = self.library.call(lambda placed: run(*placed, **options), values, self.spots)
        if not isinstance(result, tuple) or len(result) != 2:
            is_tuple = isinstance(result, tuple)
            got = f"a tuple of {len(result)}" if is_tuple else type(result).__name__
            raise ContractBrokenError(f"forward must return a pair (y, saved), got {got}")
        y, saved = result
        return self.library.host(y), Held(saved, self.library.spot(y))

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """One gradient per differentiable argument."""
        run = self.op.backward
        spots = [saved.spot]
        grads = self.library.call(lambda placed: run(*placed, saved.saved), [dy], spots)
        return [self.library.host(grad) for grad in one_each(grads, self.arguments)]


def plain_function(
    function: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any]
) -> FunctionSubject:
    """`function(*inputs) -> y` with `backward(dy, *inputs) -> grads`."""
    op = Op(
        lambda *values: (function(*values), values),
        lambda dy, values: backward(dy, *values),
        callable_name(function),
    )
    return FunctionSubject(op, inputs, signature=function)


def function_with_callback(function: Callable[..., Any], inputs: Sequence[Any]) -> FunctionSubject:
    """`function(*inputs) -> (y, backprop)` with `backprop(dy) -> grads`, as in Thinc."""
    op = Op(function, lambda dy, backprop: backprop(dy), callable_name(function))
    return FunctionSubject(op, inputs)


def returns_callback(function: Any, inputs: Sequence[Any]) -> bool:
    """Does `function(*inputs)` return a pair of an output and a function?"""
    if not callable(function):
        return False
    try:
        with np.errstate(all="ignore"):
            result = function(*inputs)
    except Exception:  # whatever it is, this is no such function
        return False
    return isinstance(result, tuple) and len(result) == 2 and callable(result[1])


def scalar_function(
    function: Callable[..., Any], gradient: Any, inputs: Sequence[Any]
) -> FunctionSubject:
    """A function of `x` that returns one number, with its gradient, as for `scipy.optimize`.

    Args:
        function: `function(x, *args)`: a number, or the pair (number, gradient).
        gradient: `gradient(x, *args)`: of the shape of `x`; True if the function returns the pair.
        inputs: `x` and the further arguments, which get no gradient.

    Raises:
        UsageError: a gradient that is neither a function nor True.
    """
    if gradient is not True and not callable(gradient):
        rule = "gradient must be a function of x, or True"
        refuse(rule, expected="gradient(x) -> array", got=repr(gradient))
    shape = np.shape(inputs[0]) if inputs else ()

    def forward(*values: Any) -> tuple[Any, Any]:
        y, slope = _pair(function(*values)) if gradient is True else (function(*values), None)
        if np.shape(values[0]) == shape and np.size(y) != 1:
            got = f"shape {np.shape(y)}"
            raise ContractBrokenError(
                f"a function with gradient= must return one number, got {got}"
            )
        return y, (values, slope)

    def backward(dy: Any, saved: Any) -> Any:
        values, slope = saved
        slope = slope if gradient is True else gradient(*values)
        return None if slope is None else [float(np.reshape(dy, ())) * np.asarray(slope)]

    op = Op(forward, backward, callable_name(function))
    return FunctionSubject(op, inputs, signature=function, n_learned=1)


def _pair(result: Any) -> tuple[Any, Any]:
    """The number and its gradient.

    Raises:
        ContractBrokenError: something else.
    """
    if isinstance(result, tuple) and len(result) == 2:
        return result
    got = type(result).__name__
    raise ContractBrokenError(f"with gradient=True it must return (number, gradient), got {got}")
