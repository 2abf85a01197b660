"""How strong is a check? Bugs are planted in a backward pass one at a time; it must find them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.audit.plant import Bug, bugs
from capstone.gradcheck.check import check
from capstone.gradcheck.numeric.probes import far_point, signed
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.make_subject import Means, make_subject
from capstone.gradcheck.usage import refuse

OBVIOUS = 1e-6  # relative error of a gradient that every right check finds: its floor lies below
SCALE = 10.0  # by which inputs grow when survivors are tried elsewhere


class Point(NamedTuple):
    """A subject with inputs, and how to check it there."""

    subject: Any
    inputs: Sequence[Any]
    options: Mapping[str, Any]


class Outcome(NamedTuple):
    """What became of one planted bug.

    Args:
        bug: what was changed, where.
        verdict: "killed", "equivalent" or "survived".
        why: for a survivor, what would kill it.
    """

    bug: str
    verdict: str
    why: str = ""


@dataclass
class Audit:
    """What an audit found out.

    Args:
        name: of the subject.
        outcomes: one a planted bug.
        seconds: that it took.
    """

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, verdict: str) -> int:
        """How many bugs were killed, are equivalent, or survived."""
        return sum(outcome.verdict == verdict for outcome in self.outcomes)

    @property
    def survivors(self) -> list[Outcome]:
        """The bugs that the check did not find although they change what comes out."""
        return [outcome for outcome in self.outcomes if outcome.verdict == "survived"]

    @property
    def kill_rate(self) -> float:
        """Killed of those that change anything; 1 is what a check should reach."""
        able = len(self.outcomes) - self.count("equivalent")
        return self.count("killed") / able if able else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Counts and survivors as plain data."""
        verdicts = ("killed", "equivalent", "survived")
        return {
            "name": self.name,
            "mutants": len(self.outcomes),
            **{verdict: self.count(verdict) for verdict in verdicts},
            "survivors": [outcome._asdict() for outcome in self.survivors],
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        rate = len(self.outcomes) / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.name}: {self.count('killed')} of {len(self.outcomes)} planted bugs killed, "
            f"{self.count('equivalent')} equivalent, {len(self.survivors)} survived "
            f"({rate:.0f} a second)"
        ]
        for outcome in self.survivors:
            lines += [f"  survived     {outcome.bug}", f"               {outcome.why}"]
        return "\n".join(lines)


def audit(subject: Any, *inputs: Any, **options: Any) -> Audit:
    """Plant bugs in the source of a backward pass and see whether `check` finds them.

    Args:
        subject: an `Op`, or an object with `forward` and `backward`, written in Python.
        inputs: as for `check`.
        options: those of `check`.

    Returns:
        What became of every bug.

    Raises:
        UsageError: the gradient is wrong before a bug is planted, or has no source.
    """
    return audit_points([Point(subject, inputs, options)])


def audit_points(points: Sequence[Point], name: str = "") -> Audit:
    """The same with several checks, as a suite has them: a bug is killed if any of them finds it.

    Args:
        points: of one kind of subject, so that they share their source.
        name: what to call it; that of the first report if not given.

    Raises:
        UsageError: as of `audit`.
    """
    started = time.perf_counter()
    rights = [_Right(point) for point in points]
    audit = Audit(name or rights[0].report.name)
    for bug in bugs(points[0].subject):
        audit.outcomes.append(_outcome(bug, rights))
    audit.seconds = time.perf_counter() - started
    return audit


class _Right:
    """A point with what the right backward pass gives there."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.report = _check(point.subject, point)
        if not self.report.ok:
            rule = f"the gradient of {self.report.name} must be right before bugs are planted"
            refuse(rule, expected="a check that passes", got=str(self.report).partition("\n")[0])
        rng = np.random.default_rng(self.report.seed)
        made = make_subject(point.subject, point.inputs, Means())
        self.values = [argument.value for argument in made.arguments]
        self.dy = signed(rng, np.shape(made.forward(self.values)[0]), np.dtype(float))
        self.variations = _variations(self.values, self.dy, rng)
        self.gradients = [_gradients(made, *variation) for variation in self.variations]
        sharp = {a.name for a in self.report.arguments if a.detection_floor < OBVIOUS}
        able = [argument for argument in made.arguments if argument.is_differentiable]
        self.sharp = [number for number, argument in enumerate(able) if argument.name in sharp]

    def shows(self, subject: Any) -> bool:
        """Does a gradient at the point itself differ so much that any check must find it?"""
        made = make_subject(subject, self.point.inputs, Means())
        try:
            spoiled = _gradients(made, *self.variations[0])
        except Exception:  # a backward pass that fails is found
            return True
        right = self.gradients[0]
        if right is None or spoiled is None:
            return right is not spoiled
        kept = [[gradients[number] for number in self.sharp] for gradients in (right, spoiled)]
        return _is_off(kept[0], kept[1], OBVIOUS)

    def is_equivalent(self, subject: Any) -> bool:
        """Are all gradients the same, to rounding, at every variation of the point?"""
        made = make_subject(subject, self.point.inputs, Means())
        try:
            spoiled = [_gradients(made, *variation) for variation in self.variations]
        except Exception:
            return False
        pairs = zip(self.gradients, spoiled, strict=True)
        return not any(_is_off(right, wrong, 1e-13) for right, wrong in pairs)


def _outcome(bug: Bug, rights: Sequence[_Right]) -> Outcome:
    planted = [bug.plant(right.point.subject) for right in rights]
    pairs = list(zip(rights, planted, strict=True))
    if any(right.shows(subject) for right, subject in pairs):
        return Outcome(str(bug), "killed")
    if any(not _check(subject, right.point).ok for right, subject in pairs):
        return Outcome(str(bug), "killed")
    if all(right.is_equivalent(subject) for right, subject in pairs):
        return Outcome(str(bug), "equivalent")
    return Outcome(str(bug), "survived", _remedy(rights[0], planted[0]))


def _check(subject: Any, point: Point) -> Report:
    return check(subject, *point.inputs, **{"locate": False, **point.options})


def _gradients(made: Any, values: Sequence[Array], dy: Array, fill: float) -> list[Array] | None:
    """What the backward pass gives; None if it gives no arrays of the right kind."""
    _, saved = made.forward(values)
    able = [v for v, a in zip(values, made.arguments, strict=True) if a.is_differentiable]
    adds = made.accumulates()
    kept = [v for v, is_added in zip(able, adds, strict=True) if is_added]
    with np.errstate(all="ignore"):
        gradients = made.backward(dy, saved, [np.full_like(v, fill) for v in kept])
    arrays = [np.array(gradient) for gradient in gradients]
    pairs = zip(arrays, able, strict=True)
    fits = all(array.shape == value.shape and array.dtype == value.dtype for array, value in pairs)
    return arrays if fits else None


def _variations(
    values: list[Array], dy: Array, rng: np.random.Generator
) -> list[tuple[list[Array], Array, float]]:
    """`(values, upstream gradient, what is there already)` for gradients to be compared at."""
    far = [far_point(rng, value) for value in values]
    return [
        (values, dy, 0.0),
        (values, signed(rng, dy.shape, dy.dtype), 0.5),
        (far, dy, 0.0),
        (values, np.zeros_like(dy), 0.0),
    ]


def _is_off(right: list[Array] | None, wrong: list[Array] | None, by: float) -> bool:
    if right is None or wrong is None:
        return right is not wrong
    return any(
        not np.abs(a - b).max(initial=0) <= by * np.abs(a).max(initial=0)
        for a, b in zip(right, wrong, strict=True)
    )


def _remedy(right: _Right, planted: Any) -> str:
    """Which other inputs would have killed a survivor."""
    changes: dict[str, Callable[[np.random.Generator, Array], Array]] = {
        "the same entries in another order": far_point,
        f"inputs {SCALE:g} times as large": _larger,
        f"inputs {SCALE:g} times as small": lambda rng, value: _larger(rng, value, 1 / SCALE),
        "random entries": lambda rng, v: rng.normal(size=v.shape) if v.dtype.kind == "f" else v,
    }
    for words, change in changes.items():
        rng = np.random.default_rng(1)
        inputs = [change(rng, np.asarray(value)) for value in right.point.inputs]
        point = right.point._replace(inputs=inputs)
        try:
            if _check(right.point.subject, point).ok and not _check(planted, point).ok:
                return f"killed by {words}"
        except Exception:  # outside of the domain
            continue
    return "changes gradients elsewhere; no input that was tried kills it"


def _larger(rng: np.random.Generator, value: Array, by: float = SCALE) -> Array:
    return np.asarray(value * value.dtype.type(by)) if value.dtype.kind == "f" else value
