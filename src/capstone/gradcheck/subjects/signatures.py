"""What callables and their arguments are called."""

import inspect
from collections.abc import Callable
from typing import Any


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` positional arguments; `x0`, `x1`, ... where there are none."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-in functions without a signature
        parameters = {}.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in positional]
    return [names[i] if i < len(names) else f"x{i}" for i in range(count)]


def callable_name(function: Callable[..., Any]) -> str:
    """The function's own name, or its type's."""
    return getattr(function, "__name__", type(function).__name__)
