"""Subjects whose backward pass has a mistake in it; the right ones stay as they are."""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FunctionType
from typing import Any, NamedTuple

from capstone.gradcheck.audit.mutations import Mutation, mutations
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.usage import refuse

Planter = Callable[[Any, FunctionType], Any]
"""From a subject and a mistaken function to the subject with that function in its place."""


class Place(NamedTuple):
    """A function that a backward pass is made of, and how a subject gets another in its place."""

    function: FunctionType
    plant: Planter


class Bug(NamedTuple):
    """One mistake, and how to plant it in a subject."""

    function: str
    mutation: Mutation
    plant: Callable[[Any], Any]

    def __str__(self) -> str:
        return f"{self.function}, line {self.mutation.line}: {self.mutation.words}"


def bugs(subject: Any) -> Iterator[Bug]:
    """All mistakes in the source of a subject's backward pass, one at a time.

    Helpers of the same module that the backward pass calls count as part of it.

    Args:
        subject: an `Op`, or an object with a method `backward`, written in Python.

    Raises:
        UsageError: there is no source to be had.
    """
    for place in places(subject):
        for mutation in mutations(_source(place.function)):
            mistaken = _compiled(place.function, mutation.tree)
            if mistaken is not None:
                yield Bug(
                    place.function.__name__,
                    mutation,
                    lambda thing, place=place, mistaken=mistaken: place.plant(thing, mistaken),
                )


def places(subject: Any) -> list[Place]:
    """The backward function or method, and the helpers that it calls.

    Raises:
        UsageError: the backward pass is no Python function.
    """
    if isinstance(subject, Op):
        backward = subject.backward
        own = Place(backward, lambda op, function: replace(op, backward=function))  # type: ignore[arg-type]
    else:
        backward = getattr(type(subject), "backward", None)
        own = Place(backward, _with_method)  # type: ignore[arg-type]
    if not isinstance(backward, FunctionType):
        rule = "the source of a backward pass is needed to plant bugs in it"
        refuse(rule, expected="a Python function or method", got=type(backward).__name__)
    helpers = [
        backward.__globals__[name]
        for name in backward.__code__.co_names
        if isinstance(backward.__globals__.get(name), FunctionType)
        and backward.__globals__[name].__module__ == backward.__module__
        and not name.endswith("_fwd")
    ]
    return [own, *(Place(helper, _with_helper(backward, own.plant)) for helper in helpers)]


def _with_method(layer: Any, function: FunctionType) -> Any:
    """A copy of an object with another method `backward`."""
    other = copy.deepcopy(layer)
    other.__class__ = type(type(layer).__name__, (type(layer),), {"backward": function})
    return other


def _with_helper(backward: FunctionType, plant: Planter) -> Planter:
    """The backward pass calls the mistaken helper; everybody else the right one."""

    def planted(thing: Any, helper: FunctionType) -> Any:
        scope = {**backward.__globals__, helper.__name__: helper}
        return plant(thing, _function(backward, backward.__code__, scope))

    return planted


def _function(model: FunctionType, code: Any, scope: dict[str, Any]) -> FunctionType:
    made = FunctionType(code, scope, model.__name__, model.__defaults__, model.__closure__)
    made.__kwdefaults__ = model.__kwdefaults__
    return made


def _source(function: FunctionType) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        ast.parse(source)
    except (OSError, TypeError, SyntaxError) as error:
        rule = f"the source of {function.__name__} is needed to plant bugs in it"
        refuse(rule, expected="a function defined in a file", got=f"{type(error).__name__}")
    return source


def _compiled(function: FunctionType, tree: ast.Module) -> FunctionType | None:
    """The mistaken function; None if it does not compile, or closes over other variables."""
    (definition,) = tree.body
    if not isinstance(definition, ast.FunctionDef):
        return None
    definition.decorator_list = []
    free = function.__code__.co_freevars
    if free:  # inside of a function with these variables the code closes over them too
        body: list[ast.stmt] = [definition]
        arguments = ast.arguments([], [ast.arg(name) for name in free], None, [], [], None, [])
        outer = ast.FunctionDef("outer", arguments, body, [], type_params=[])
        tree = ast.fix_missing_locations(ast.Module([outer], []))
    try:
        code = compile(tree, f"<{function.__name__} with a bug>", "exec")
    except (SyntaxError, ValueError, TypeError):
        return None
    for _ in range(2 if free else 1):
        code = next(c for c in code.co_consts if inspect.iscode(c))
    if code.co_freevars != free:
        return None
    return _function(function, code, function.__globals__)
