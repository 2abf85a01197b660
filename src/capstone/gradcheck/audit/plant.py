"""Mistakes in the source of a backward pass, planted in copies of the subject."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from capstone.gradcheck.audit.bug import Bug
from capstone.gradcheck.audit.compile import compiled, rebuilt, source_of
from capstone.gradcheck.audit.mutations import Mutation, mutations
from capstone.gradcheck.audit.point import Point
from capstone.gradcheck.subjects.functions import Op, returns_callback
from capstone.gradcheck.subjects.layers import own_copy
from capstone.gradcheck.subjects.make_subject import function_of_apply, is_torch_function
from capstone.gradcheck.subjects.names import Names
from capstone.gradcheck.subjects.subject import Subject

Put = Callable[[FunctionType, Point], Point]
"""From another function and a point to the point with that function in its place."""


class Place(NamedTuple):
    """A function that a backward pass is made of, and how a point gets another one."""

    function: Any  # a Python function
    put: Put
    is_outer: bool = False
    """Is it the forward pass, and are functions inside of it the backward pass?"""

    def bugs(self) -> Iterator[Bug]:
        """All mistakes, one at a time."""
        for mutation in mutations(source_of(self.function), nested_only=self.is_outer):
            mistaken = compiled(self.function, mutation.tree)
            if mistaken is not None:
                yield Bug(self._words(mutation), partial(self._planted, mistaken))

    def unchanged(self, point: Point) -> Subject | None:
        """The subject with the very same function compiled anew; None if there is no source."""
        source = source_of(self.function)
        again = compiled(self.function, source) if source else None
        try:
            return None if again is None else self._planted(again, point)
        except Exception:  # a class or an object of which no changed copy can be had
            return None

    def _planted(self, function: FunctionType, point: Point) -> Subject:
        return self.put(function, point).make()

    def _words(self, mutation: Mutation) -> str:
        return f"{self.function.__name__}, line {mutation.line}: {mutation.words}"


def places(point: Point) -> list[Place]:
    """The backward function or method, and the helpers of the same module that it calls.

    No places if it is not written in Python, or cannot be told from the forward pass.
    """
    own = _own_place(point)
    if own is None:
        return []
    found = [own]
    codes = _nested(own.function.__code__) if own.is_outer else [own.function.__code__]
    helpers = _helpers(own.function, codes)
    if own.is_outer:  # what the forward pass calls too would change it along
        forward = _names_in(own.function.__code__, deep=False)
        helpers = {name: helper for name, helper in helpers.items() if name not in forward}
    for name, helper in helpers.items():
        found.append(Place(helper, partial(_put_helper, name, helpers, own)))
    return [*found, *_methods(point, own)]


def _own_place(point: Point) -> Place | None:
    thing, means = function_of_apply(point.subject), point.means
    if isinstance(thing, Op):
        field = "backward_of_backward" if means.order == 2 else "backward"
        return _place(getattr(thing, field), partial(_put_in_op, field))
    if means.order == 2:
        return None
    if means.backward is not None:
        return _place(means.backward, partial(_put_in_options, "backward"))
    if means.gradient is not None:
        return _place(means.gradient, partial(_put_in_options, "gradient"))
    if is_torch_function(thing):
        name = "backward" if isinstance(_written(thing, "backward"), FunctionType) else "vjp"
        return _place(_written(thing, name), partial(_put_in_class, name))
    if means.names or hasattr(thing, "backward"):
        name = (means.names or Names()).backward
        can_copy = own_copy(thing) is not thing
        method = getattr(type(thing), name, None)
        return _place(method, partial(_put_in_layer, name)) if can_copy else None
    if isinstance(thing, FunctionType) and returns_callback(thing, point.inputs):
        return Place(thing, lambda function, point: point._replace(subject=function), True)
    return None


def _place(function: Any, put: Put) -> Place | None:
    function = inspect.unwrap(function) if callable(function) else function
    return Place(function, put) if isinstance(function, FunctionType) else None


def _written(function: Any, name: str) -> Any:
    """What a class of the user's defines; None if that is PyTorch's own."""
    method = getattr(function, name, None)
    method = inspect.unwrap(method) if callable(method) else None
    return None if str(getattr(method, "__module__", "")).startswith("torch.") else method


def _put_in_op(field: str, function: FunctionType, point: Point) -> Point:
    changed: dict[str, Any] = {field: function}
    return point._replace(subject=replace(point.subject, **changed))


def _put_in_options(name: str, function: FunctionType, point: Point) -> Point:
    return point.changed(**{name: function})


def _put_in_class(name: str, function: FunctionType, point: Point) -> Point:
    thing = function_of_apply(point.subject)
    members = {name: staticmethod(function), "__module__": thing.__module__}
    return point._replace(subject=type(thing.__name__, (thing,), members))


def _put_in_layer(name: str, function: FunctionType, point: Point) -> Point:
    """A copy of the object, of a class that has another method."""
    other = own_copy(point.subject)
    kind = type(other)
    other.__class__ = type(kind.__name__, (kind,), {name: function, "__module__": kind.__module__})
    return point._replace(subject=other)


def _put_helper(
    name: str, helpers: dict[str, FunctionType], own: Place, function: FunctionType, point: Point
) -> Point:
    """The backward pass and its helpers call the mistaken one; everybody else the right one."""
    scope = dict(own.function.__globals__)
    scope |= {key: rebuilt(helper, scope) for key, helper in helpers.items()}
    scope[name] = rebuilt(function, scope)
    return own.put(rebuilt(own.function, scope), point)


def _helpers(function: FunctionType, codes: list[CodeType]) -> dict[str, FunctionType]:
    """Functions of the same module that are called, directly or through each other."""
    found: dict[str, FunctionType] = {}
    while codes:
        for name in sorted(_names_in(codes.pop())):
            helper = function.__globals__.get(name)
            is_own = getattr(helper, "__module__", None) == function.__module__
            is_forward = name.endswith("_fwd") or helper is function
            if isinstance(helper, FunctionType) and is_own and not is_forward:
                if name not in found:
                    codes.append(helper.__code__)
                found[name] = helper
    return found


def _methods(point: Point, own: Place) -> list[Place]:
    """Methods of the same module that the backward method calls and the forward one does not."""
    names, kind = point.means.names or Names(), type(point.subject)
    if getattr(own.put, "func", None) is not _put_in_layer:
        return []
    called = _called_methods(kind, own.function)
    for_both = _called_methods(kind, getattr(kind, names.forward, None))
    return [
        Place(method, partial(_put_in_layer, name))
        for name, method in called.items()
        if name not in for_both and name not in (names.forward, names.backward)
    ]


def _called_methods(kind: type, function: Any) -> dict[str, FunctionType]:
    found: dict[str, FunctionType] = {}
    functions = [function] if isinstance(function, FunctionType) else []
    while functions:
        for name in sorted(_names_in(functions.pop().__code__)):
            method = inspect.getattr_static(kind, name, None)
            is_new = isinstance(method, FunctionType) and name not in found
            if is_new and method.__module__ == function.__module__:
                found[name] = method
                functions.append(method)
    return found


def _nested(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if inspect.iscode(constant)]


def _names_in(code: CodeType, deep: bool = True) -> set[str]:
    """Globals and attributes that a function mentions, and that functions inside of it do."""
    inner = [_names_in(one) for one in _nested(code)] if deep else []
    return set(code.co_names).union(*inner)
