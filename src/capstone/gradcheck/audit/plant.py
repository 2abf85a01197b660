"""Subjects whose backward pass has a mistake in it; the right ones stay as they are."""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Any, NamedTuple

from capstone.gradcheck.audit.mutations import Mutation, mutations
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.usage import refuse

Planter = Callable[[FunctionType, Any], Any]
"""From a mistaken function and a subject to the subject with that function in its place."""


class Place(NamedTuple):
    """A function that a backward pass is made of, and how a subject gets another in its place."""

    function: Any  # a Python function
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
                yield Bug(place.function.__name__, mutation, partial(place.plant, mistaken))


def places(subject: Any) -> list[Place]:
    """The backward function or method, and the helpers that it calls.

    Raises:
        UsageError: the backward pass is no Python function.
    """
    is_op = isinstance(subject, Op)
    backward: Any = subject.backward if is_op else getattr(type(subject), "backward", None)
    if not isinstance(backward, FunctionType):
        rule = "the source of a backward pass is needed to plant bugs in it"
        refuse(rule, expected="a Python function or method", got=type(backward).__name__)
    own = Place(backward, _with_function if is_op else _with_method)
    helpers = [
        backward.__globals__[name]
        for name in backward.__code__.co_names
        if isinstance(backward.__globals__.get(name), FunctionType)
        and backward.__globals__[name].__module__ == backward.__module__
        and not name.endswith("_fwd")
    ]
    return [own, *(Place(helper, _with_helper(backward, own.plant)) for helper in helpers)]


def _with_function(function: FunctionType, op: Any) -> Any:
    """The same forward function with another backward function."""
    return replace(op, backward=function)


def _with_method(function: FunctionType, layer: Any) -> Any:
    """A copy of an object with another method `backward`."""
    other = copy.deepcopy(layer)
    other.__class__ = type(type(layer).__name__, (type(layer),), {"backward": function})
    return other


def _with_helper(backward: FunctionType, plant: Planter) -> Planter:
    """The backward pass calls the mistaken helper; everybody else the right one."""

    def planted(helper: FunctionType, thing: Any) -> Any:
        scope = {**backward.__globals__, helper.__name__: helper}
        return plant(_function(backward, backward.__code__, scope), thing)

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
        outer = ast.parse(f"def outer({', '.join(free)}): pass")
        outer.body[0].body = [definition]  # type: ignore[attr-defined]
        tree = ast.fix_missing_locations(outer)
    try:
        code = compile(tree, f"<{function.__name__} with a bug>", "exec")
    except (SyntaxError, ValueError, TypeError):
        return None
    for _ in range(2 if free else 1):
        code = next(c for c in code.co_consts if inspect.iscode(c))
    if code.co_freevars != free:
        return None
    return _function(function, code, function.__globals__)
