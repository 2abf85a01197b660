"""Planting the bugs of the corpus of diagnoses."""

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from capstone.gradcheck import Op, Report, check
from cases import CASES
from gradcheck import field_ops
from unit.gradcheck.diagnosis.corpus import diagnosis_ops

Array = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[Array, dict[str, Array]], Array]
CASES_BY_ID = {case.id: case for case in CASES}
SEED = 11


@dataclass(frozen=True)
class Subject:
    """A right op with inputs."""

    forward: Any
    backward: Any
    inputs: tuple[Any, ...]
    options: dict[str, Any]


def subject_of(name: str) -> Subject:
    """Of a case's id, or of a small op's name."""
    if name in CASES_BY_ID:
        case = CASES_BY_ID[name]
        return Subject(*case.passes(), case.inputs(), case.options)
    module = diagnosis_ops if hasattr(diagnosis_ops, f"{name}_fwd") else field_ops
    passes = (getattr(module, f"{name}_{end}") for end in ("fwd", "bwd"))
    inputs = diagnosis_ops.draws(np.random.default_rng(SEED))[name]
    return Subject(*passes, inputs, diagnosis_ops.OPTIONS.get(name, {}))


@dataclass(frozen=True)
class Planted:
    """One bug: its subject, what is done to the backward pass, and what should be said of it.

    Args:
        subject: id of a case, or name of a small op.
        kind: that the diagnosis of the first culprit must be.
        culprits: the wrong arguments; the first is the one whose kind is asserted.
        spoil: from the right backward function to the wrong one.
        words: what makes the bug's name unique.
    """

    subject: str
    kind: str
    culprits: tuple[str, ...]
    spoil: Callable[[Any], Any]
    words: str

    @property
    def id(self) -> str:
        """Readable, and unique."""
        return f"{self.subject}: {self.words} ({self.culprits[0]})"

    def report(self, **options: Any) -> Report:
        """Of the check of the spoiled op."""
        right = subject_of(self.subject)
        op = Op(right.forward, self.spoil(right.backward), options=right.options)
        return check(op, *right.inputs, **options)


def edited(function: Any, old: str, new: str) -> Any:
    """The function with one piece of its source exchanged."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} must occur exactly once in {function.__name__}"
    namespace = dict(vars(sys.modules[function.__module__]))
    exec(compile(source.replace(old, new), "<edited>", "exec"), namespace)
    return namespace[function.__name__]


def edit(subject: str, old: str, new: str, kind: str, culprits: str) -> Planted:
    """An edit of the source."""
    words = f"{old} -> {new}".replace("\n", " ")
    return Planted(
        subject, kind, tuple(culprits.split()), lambda right: edited(right, old, new), words
    )


def spoiled(subject: str, name: str, kind: str, words: str, change: Change) -> Planted:
    """The gradient of one argument changed on its way out; `change(gradient, arrays)`."""
    there = subject_of(subject)
    names = list(inspect.signature(there.forward).parameters)[: len(there.inputs)]
    arrays = dict(zip(names, (np.asarray(i) for i in there.inputs), strict=True))
    able = [n for n in names if arrays[n].dtype.kind == "f"]

    def spoil(right: Any) -> Any:
        def backward(dy: Array, saved: Any) -> list[Array]:
            grads = right(dy, saved)
            grads = list(grads) if isinstance(grads, tuple) else [grads]
            here = {**arrays, "dy": dy, **{f"d{n}": g for n, g in zip(able, grads, strict=True)}}
            at = able.index(name)
            grads[at] = np.ascontiguousarray(change(grads[at].copy(), here))
            return grads

        return backward

    return Planted(subject, kind, (name,), spoil, words)
