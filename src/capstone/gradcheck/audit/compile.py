"""From a changed syntax tree to a function that takes the place of the original one."""

import ast
import inspect
import textwrap
from types import CodeType, FunctionType
from typing import Any


def source_of(function: FunctionType) -> ast.Module | None:
    """The syntax tree of one function; None if it has no source of its own, as lambdas have."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    is_one = len(tree.body) == 1 and isinstance(tree.body[0], ast.FunctionDef)
    return tree if is_one and tree.body[0].name == function.__name__ else None  # type: ignore[attr-defined]


def compiled(function: FunctionType, tree: ast.Module) -> FunctionType | None:
    """The tree's function with the defaults, globals and closure of another.

    None if it does not compile, or closes over other variables.
    """
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    free = function.__code__.co_freevars
    body: list[ast.stmt] = [definition]
    owner = function.__qualname__.split(".")[-2:-1]
    if owner and owner[0].isidentifier():  # private names and super() belong to the class
        body = _around(f"class {owner[0]}: pass", body)
    outer = [name for name in free if name != "__class__"]
    if outer:  # inside of a function with these variables the code closes over them too
        body = _around(f"def outer({', '.join(outer)}): pass", body)
    whole = ast.Module(body, [])
    try:
        code = compile(whole, f"<{function.__name__} with a bug>", "exec")
    except (SyntaxError, ValueError, TypeError):
        return None
    code = _find(code, definition.name)
    return rebuilt(function, function.__globals__, code) if code.co_freevars == free else None


def rebuilt(
    function: FunctionType, scope: dict[str, Any], code: CodeType | None = None
) -> FunctionType:
    """The same function with other globals, or other code."""
    made = FunctionType(
        code or function.__code__,
        scope,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__module__, made.__qualname__ = function.__module__, function.__qualname__
    return made


def _around(words: str, body: list[ast.stmt]) -> list[ast.stmt]:
    (statement,) = ast.parse(words).body
    statement.body = body  # type: ignore[attr-defined]
    return [statement]


def _find(code: CodeType, name: str) -> CodeType:
    """The outermost function of that name."""
    level = [code]
    while True:
        level = [one for outer in level for one in outer.co_consts if inspect.iscode(one)]
        for one in level:
            if one.co_name == name:
                return one
