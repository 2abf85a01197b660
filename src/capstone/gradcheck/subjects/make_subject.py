"""From what a caller hands over to the subject that it means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from capstone.gradcheck.subjects.arrays import has, is_tensor, loaded
from capstone.gradcheck.subjects.find_library import is_jax_array
from capstone.gradcheck.subjects.functions import (
    FunctionSubject,
    Op,
    function_with_callback,
    plain_function,
    returns_callback,
    scalar_function,
)
from capstone.gradcheck.subjects.jax_subject import JaxSubject
from capstone.gradcheck.subjects.layers import LayerSubject
from capstone.gradcheck.subjects.names import Names
from capstone.gradcheck.subjects.second_order import second_order
from capstone.gradcheck.subjects.signatures import callable_name
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.subjects.torch_function import TorchFunctionSubject
from capstone.gradcheck.subjects.torch_module import torch_module
from capstone.gradcheck.subjects.torch_random import refuse_random
from capstone.gradcheck.subjects.torch_subject import torch_callable
from capstone.gradcheck.usage import refuse

ORDERS = (1, 2)


@dataclass(frozen=True)
class Means:
    """How a caller says what the backward pass is, beside the thing itself."""

    backward: Callable[..., Any] | None = None
    gradient: Any = None
    names: Names | None = None
    order: int = 1


def make_subject(
    thing: Any, inputs: Sequence[Any], means: Means, *, name: str = "", seed: int = 0
) -> Subject:
    """The subject that a call of `check` means.

    Raises:
        UsageError: something without a backward pass, or with two.
    """
    if means.order not in ORDERS or isinstance(means.order, bool):
        refuse("order must be 1 or 2", expected="1 or 2", got=repr(means.order))
    thing = function_of_apply(thing)
    _refuse_two(thing, means)
    subject = _first_order(thing, inputs, means)
    subject = second_order(subject, seed) if means.order == 2 else subject
    subject.name = name or subject.name
    return subject


def _first_order(thing: Any, inputs: Sequence[Any], means: Means) -> Subject:
    """By what the thing is, then by what its inputs are."""
    if is_torch_function(thing):
        return refuse_random(thing, TorchFunctionSubject(thing, _with_tensors(thing, inputs)))
    if isinstance(thing, type):
        rule = "the subject must be an object, not its class"
        refuse(rule, expected=f"{thing.__name__}(...)", got=f"the class {thing.__name__}")
    if isinstance(thing, Op):
        return FunctionSubject(thing, inputs)
    if means.backward is not None and callable(thing):
        return plain_function(thing, means.backward, inputs)
    if means.gradient is not None and callable(thing):
        return scalar_function(thing, means.gradient, inputs)
    if means.names or _has_passes(thing):
        return LayerSubject(thing, inputs, means.names)
    if _is_torch_module(thing):
        return refuse_random(thing, torch_module(thing, _with_tensors(thing, inputs)))
    if callable(thing) and any(map(is_tensor, inputs)):
        return refuse_random(thing, torch_callable(thing, inputs))
    if callable(thing) and (_is_of_jax(thing) or any(map(_holds_jax, inputs))):
        return JaxSubject(thing, inputs)
    if returns_callback(thing, inputs):
        return function_with_callback(thing, inputs)
    expected = "an Op, an object with forward and backward, or a function with backward="
    rule = "the subject must have a backward pass"
    refuse(rule, expected=expected, got=type(thing).__name__)


def _refuse_two(thing: Any, means: Means) -> None:
    """One backward pass is enough, and names are those of a layer.

    Raises:
        UsageError: there are two, or names for something else.
    """
    if means.backward is not None and not callable(means.backward):
        rule = "backward must be a function"
        refuse(rule, expected="backward(dy, *inputs) -> grads", got=repr(means.backward))
    owner = "an Op" if isinstance(thing, Op) else f"{type(thing).__name__}"
    is_own = isinstance(thing, Op) or (not callable(thing) and _has_passes(thing))
    if is_own and means.backward is not None:
        rule = f"{owner} has a backward pass of its own"
        refuse(rule, expected="no backward=", got=callable_name(means.backward))
    if means.gradient is not None and (isinstance(thing, Op) or means.backward is not None):
        rule = "gradient= is for a function that returns one number"
        refuse(rule, expected="no other backward pass", got="two")
    if means.names is not None and not isinstance(means.names, Names):
        refuse("names must be a Names", expected="Names(...)", got=type(means.names).__name__)
    if means.names is not None and (isinstance(thing, Op | type) or means.backward is not None):
        rule = "names= is for an object with methods"
        refuse(rule, expected="a layer", got=callable_name(thing))


def _has_passes(thing: Any) -> bool:
    """Is this an object with both passes?"""
    return has(thing, "forward") and has(thing, "backward")


def function_of_apply(thing: Any) -> Any:
    """The class, if the thing is the `apply` of an `autograd.Function`."""
    if not has(thing, "__self__"):
        return thing
    owner = thing.__self__
    is_apply = getattr(thing, "__name__", "") == "apply"
    return owner if is_apply and is_torch_function(owner) else thing


def is_torch_function(thing: Any) -> bool:
    """Is this a class derived from `torch.autograd.Function`?"""
    torch = loaded("torch")
    return (
        isinstance(thing, type)
        and hasattr(torch, "autograd")
        and issubclass(thing, torch.autograd.Function)
    )


def _is_torch_module(thing: Any) -> bool:
    torch = loaded("torch")
    return hasattr(torch, "nn") and isinstance(thing, torch.nn.Module)


def _with_tensors(thing: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    """The inputs.

    Raises:
        UsageError: no tensor among them.
    """
    if not any(map(is_tensor, inputs)):
        name = getattr(thing, "__name__", type(thing).__name__)
        got = ", ".join(type(thing).__name__ for thing in inputs) or "nothing"
        refuse(f"{name} of PyTorch must be given tensors", expected="torch.tensor(...)", got=got)
    return inputs


def _is_of_jax(thing: Any) -> bool:
    """A `custom_vjp`, a jitted function and alike."""
    return type(thing).__module__.partition(".")[0] in ("jax", "jaxlib")


def _holds_jax(thing: Any) -> bool:
    """An array of JAX, or a container with one somewhere inside."""
    if isinstance(thing, dict | tuple | list):
        return any(map(_holds_jax, thing.values() if isinstance(thing, dict) else thing))
    return is_jax_array(thing)
