"""Things by their place in source code, `package.module:Thing` or `path/file.py:Thing`: both ways.

Importing a module runs it.
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from capstone.gradcheck.usage import refuse


class Reference(NamedTuple):
    """Where a thing stands: by module, and by file for where that module is out of reach."""

    spec: str
    file: str = ""

    def place(self) -> str:
        """The one of the two to look in, as `load_thing` takes it."""
        path, _, _ = self.file.partition(".py:")
        file = Path(f"{path}.py")
        return self.file if path and file.is_file() and not self._is_module_of(file) else self.spec

    def _is_module_of(self, path: Path) -> bool:
        """Does the module come from this very file?"""
        name, _, _ = self.spec.partition(":")
        try:
            found = sys.modules.get(name) or importlib.util.find_spec(name)
        except (ImportError, ValueError):  # its package is out of reach
            return False
        origin = getattr(found, "__file__", None) or getattr(found, "origin", None)
        return bool(origin) and path.resolve() == Path(str(origin)).resolve()


def refer_to(thing: Any) -> Reference | None:
    """Where to find the very same thing again; None if it has no place, as a lambda."""
    name = getattr(thing, "__qualname__", "") or getattr(thing, "__name__", "")
    module = "numpy" if isinstance(thing, np.ufunc) else getattr(thing, "__module__", None)
    home = sys.modules.get(module or "")
    if home is None or not name or find_in(home, name) is not thing:
        return None
    path = getattr(home, "__file__", None) or ""
    file = f"{_short(Path(path))}:{name}" if path.endswith(".py") else ""
    # a test, or what was run as a script, is no module for anyone else
    is_test = Path(path).stem.startswith(("test_", "conftest"))
    hides = module == "__main__" or is_test
    return Reference(file if hides and file else f"{module}:{name}", file)


def _short(path: Path) -> str:
    """Seen from the current folder, if it lies in it."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def load_thing(function: str, spec: str) -> Any:
    """The object that `module:name` or `file.py:name` means, from the current folder too.

    Args:
        function: who asks, for the message of a failure.
        spec: as above.

    Raises:
        UsageError: no such file, module or name, or a module that fails to load.
    """
    place, _, name = spec.rpartition(":")
    if not place or not name:
        expected = "module:name or file.py:name"
        refuse("must name a thing", expected=expected, got=repr(spec), function=function)
    thing = find_in(load_module(function, place), name)
    if thing is None:
        rule = f"{place} must have what is asked for"
        refuse(rule, expected=f"a definition of {name}", got="none", function=function)
    return thing


def find_in(home: Any, name: str) -> Any:
    """What `name`, with dots for parts of parts, means there; None if it is nothing."""
    for part in name.split("."):
        home = getattr(home, part, None)
    return home


def load_module(function: str, place: str) -> ModuleType:
    """A module by its dotted name or by its file, run once.

    Raises:
        UsageError: there is none, or it fails.
    """
    if place.endswith(".py") and not Path(place).is_file():
        rule = "the file must exist"
        refuse(rule, expected=place, got="no such file", function=function)
    try:
        if place.endswith(".py"):
            return _module_of_file(Path(place).resolve())
        _look_in(os.getcwd())
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # a module may raise whatever it likes
        got = " ".join(f"{type(error).__name__}: {error}".split())
        rule = f"{place} must be loadable"
        refuse(rule, expected="Python without errors", got=got, function=function)


def _module_of_file(path: Path) -> ModuleType:
    """Under its dotted name if it lies in a package, so that its relative imports work."""
    name, folder = path.stem, path.parent
    while (folder / "__init__.py").is_file():
        name, folder = f"{folder.name}.{name}", folder.parent
    for module in list(sys.modules.values()):
        facts = getattr(module, "__dict__", {})  # not by getattr, which wakes what loads late
        if facts.get("__file__") == str(path) and facts.get("__name__") != "__main__":
            return module
    _look_in(str(folder))
    if "." in name:  # in a package
        return importlib.import_module(name.removesuffix(".__init__"))
    found = importlib.util.find_spec(name)
    if found is not None and found.origin == str(path):
        return importlib.import_module(name)
    name = f"{name}_of_{folder.name}"  # the file is called like a module that is loaded already
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None  # of a file with this ending there is one
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where dataclasses look for it
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _look_in(folder: str) -> None:
    """Have imports look there too, as Python has for the folder of a script."""
    if folder not in sys.path and not ("" in sys.path and folder == os.getcwd()):
        sys.path.insert(0, folder)
