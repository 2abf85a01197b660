"""Things that a command line names: `package.module:Thing`, `path/file.py:Thing`, shapes."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.inputs import signed


def load_thing(where: str, spec: str) -> Any:
    """The object that `module:name` or `file.py:name` means, from the current folder too.

    Raises:
        UsageError: no such file, module or name, or a module that fails to load.
    """
    place, _, name = spec.partition(":")
    if not place or not name:
        fail(where, "must name a thing", expected="module:name or file.py:name", got=repr(spec))
    thing: Any = _load_module(where, place)
    for part in name.split("."):
        if not hasattr(thing, part):
            rule = f"{place} must have what is asked for"
            fail(where, rule, expected=f"a definition of {name}", got="none")
        thing = getattr(thing, part)
    return thing


def _load_module(where: str, place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            if "" not in sys.path and os.getcwd() not in sys.path:
                sys.path.insert(0, os.getcwd())
            return importlib.import_module(place)
        path = Path(place)
        if not path.is_file():
            fail(where, "the file must exist", expected=f"{place}", got="no such file")
        specification = importlib.util.spec_from_file_location(path.stem, path)
        assert specification is not None  # of a file with this ending there is one
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[path.stem] = module
        specification.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError) as error:
        if "must exist" in str(error):
            raise
        got = f"{type(error).__name__}: {error}"
        fail(where, f"{place} must be loadable", expected="Python without errors", got=got)
    return module


def make_input(where: str, words: str, rng: np.random.Generator) -> Array:
    """A random array from `2,8,16` (signed numbers) or `2,5<7` (integers below 7).

    Raises:
        UsageError: anything else.
    """
    sizes, _, below = words.partition("<")
    try:
        shape = tuple(int(size) for size in sizes.split(",") if size)
        limit = int(below) if below else 0
    except ValueError:
        shape, limit = (-1,), 0
    if min(shape, default=0) < 0 or (below and limit < 1):
        rule = "--input must be a shape"
        fail(where, rule, expected="2,8,16 or, for integers below 7, 2,5<7", got=repr(words))
    if below:
        return rng.integers(0, limit, shape)
    return signed(rng, *shape)
