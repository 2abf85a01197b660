"""Planting a bug: a function or method of the project with one piece of its source exchanged."""

import importlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Mutant:
    """One planted bug.

    Args:
        id: what the bug is.
        case: id of the case that is checked.
        target: `module:function` or `module:Class.method`, inside `capstone` unless dotted whole.
        old: piece of the source that goes; occurs once.
        new: what stands there instead.
        blamed: names of the arguments whose gradients are wrong; nothing else may be blamed.
        rule: the protocol rule that is broken instead, if the numbers stay right.
    """

    id: str
    case: str
    target: str
    old: str
    new: str
    blamed: frozenset[str]
    rule: str = ""


def of_op(op: str, variant: str, *edits: tuple[str, str, str, str]) -> list[Mutant]:
    """Edits `(id, old, new, blamed)` of `<op>_bwd`, checked on one case."""
    target = f"capstone.ops.{op}:{op}_bwd"
    case = f"{op}-{variant}"
    return [
        Mutant(f"{op}: {name}", case, target, old, new, frozenset(blamed.split()))
        for name, old, new, blamed in edits
    ]


def of_layer(target: str, case: str, *edits: tuple[str, str, str, str, str]) -> list[Mutant]:
    """Edits `(id, old, new, blamed, rule)` of a layer's method, checked on one case."""
    return [
        Mutant(
            f"{case.split('-')[0]}: {name}", case, target, old, new, frozenset(blamed.split()), rule
        )
        for name, old, new, blamed, rule in edits
    ]


def plant(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the mutated function in the place of the right one, for the duration of a test."""
    module_name, _, path = mutant.target.partition(":")
    module = importlib.import_module(module_name)
    owner_path, _, name = path.rpartition(".")
    owner: Any = getattr(module, owner_path) if owner_path else module
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    assert source.count(mutant.old) == 1, f"{mutant.id}: {mutant.old!r} must occur exactly once"
    namespace = dict(vars(module))
    code = compile(source.replace(mutant.old, mutant.new), f"<mutant {mutant.id}>", "exec")
    exec(code, namespace)
    monkeypatch.setattr(owner, name, namespace[name])
