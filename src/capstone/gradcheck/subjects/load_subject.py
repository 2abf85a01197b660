"""What to check, from its name: a pair of functions, a layer's class, or whatever makes one."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.subjects.make_subject import is_torch_function
from capstone.gradcheck.subjects.references import find_in, load_module, load_thing
from capstone.gradcheck.usage import refuse

PAIRS = (("_fwd", "_bwd"), ("_forward", "_backward"), ("", "_bwd"), ("", "_backward"))


def load_subject(
    function: str, spec: str, inputs: Sequence[Any], backward: str = ""
) -> tuple[Any, dict[str, Any]]:
    """The subject that a name means, and the options of `check` that belong to it.

    Args:
        function: who asks, for the message of a failure.
        spec: `module:name` or `file.py:name` of a function, an `Op`, a layer, or of a class or
            function that gives one when it is called without arguments.
        inputs: of the forward pass: what it returns tells an op from a plain function.
        backward: name of the backward function, in the same place; found by itself if it is called
            like the forward function, as `norm_fwd` and `norm_bwd`, or `f` and `f_backward`.

    Raises:
        UsageError: nothing of that name, or a class or function that needs arguments.
    """
    place, _, name = spec.rpartition(":")
    if place and name:
        name, backward = _pair_in(function, place, name, backward)
        spec = f"{place}:{name}"
    thing = load_thing(function, spec)
    if backward:
        written = load_thing(function, f"{place}:{backward}")
        for one, what in ((thing, name), (written, backward)):
            if not callable(one):
                rule = f"{what} must be a function"
                refuse(rule, expected="a function", got=type(one).__name__, function=function)
        if _returns_pair(thing, inputs):
            return Op(thing, written), {}
        return thing, {"backward": written}
    return _called(function, name, thing), {}


def _pair_in(function: str, place: str, name: str, backward: str) -> tuple[str, str]:
    """The names of a forward and a backward function; as they are if there is no such pair.

    What another library made of a function, as JAX's `custom_vjp`, has its own backward pass,
    whose functions may be called alike.
    """
    module = load_module(function, place)
    is_one = callable if backward else inspect.isroutine
    for ahead, back in PAIRS:
        stem = name.removesuffix(ahead)
        pair = f"{stem}{ahead}", backward or f"{stem}{back}"
        is_meant = pair[0] == name or find_in(module, name) is None
        if is_meant and all(is_one(find_in(module, one)) for one in pair):
            return pair
    return name, backward


def _called(function: str, name: str, thing: Any) -> Any:
    """An instance of a class, or what a function without parameters makes; else the thing."""
    is_class = isinstance(thing, type) and not is_torch_function(thing)
    if not is_class and not _takes_nothing(thing):
        return thing
    try:
        made = thing()
    except Exception as error:  # whatever a constructor raises
        got = " ".join(f"{type(error).__name__}: {error}".split())
        rule = f"{name} must work without arguments"
        mend = "name an object, or a function that makes one"
        refuse(rule, expected=f"{name}()", got=got, mend=mend, function=function)
    return _called(function, name, made) if isinstance(made, type) else made


def _takes_nothing(thing: Any) -> bool:
    """A function without any parameter makes something: a forward pass has one at least."""
    if not inspect.isroutine(thing):
        return False
    try:
        return not inspect.signature(thing).parameters
    except (TypeError, ValueError):  # built-in functions without a signature
        return False


def _returns_pair(forward: Callable[..., Any], inputs: Sequence[Any]) -> bool:
    """Does it return the output and what the backward pass needs? What fails is told later."""
    try:
        with np.errstate(all="ignore"):
            result = forward(*inputs)
    except Exception:
        return False
    return isinstance(result, tuple) and len(result) == 2
