"""Which taps are right: the wrong lines stand between the last right one and the first wrong one.

What leads from where to where is not read but tried: a tap that is pushed shows which others, and
which gradients, come from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.localize.taps import Session, tapped_by
from capstone.gradcheck.numeric.evaluator import scale_of
from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.subjects.tapped import TappedSubject
from capstone.gradcheck.verdict.base import Base, gradients_by_index
from capstone.gradcheck.verdict.verify import Verifier

PUSH = 1e-2  # of a tap's largest entry: shows what comes from it, and rarely leaves a domain
MOST = 64  # taps of which it is tried what comes from them: a pass each
END = "the output"  # of the forward pass, among the names of what a push moves


@dataclass
class Run:
    """One forward and one backward pass in a session."""

    session: Session
    output: Array | None = None
    gradients: dict[str, Array] = field(default_factory=dict)
    """By the name of the argument; empty if the backward pass fails."""
    error: str = ""


def locate_taps(subject: Subject, base: Base, report: Report, seed: int) -> list[str]:
    """What the taps of a wrong subject say, in a line or two; nothing if it has none.

    Args:
        subject: what was found wrong.
        base: where, and the upstream gradient.
        report: of the check that found it wrong.
        seed: of directions and pushes.
    """
    run = _run(subject, base, Session())
    session = run.session
    if not session.forward_hits and not session.backward_hits:
        return []
    located = _best_paired(subject, base, report, run, seed)
    faults = [*complaints(session), *located.disordered(), *located.unused()]
    lines = [f"taps: {faults[0]}{_more(faults)}"] if faults else []
    if run.error:
        last = next(reversed(session.gradients), "")
        where = f'after tap_grad("{last}")' if last else "before any tap_grad"
        return [*lines, f"taps: the backward pass fails {where}: {run.error}"]
    return [*lines, *(f"taps: {words}" for words in located.verdict())]


def _best_paired(subject: Subject, base: Base, report: Report, run: Run, seed: int) -> "Located":
    """The verdicts, under the pairing of repeated hits that is borne out.

    A backward pass meets the hits of a name from the last to the first, as a rule; one that loops
    over heads may well meet them in their own order.
    """
    located = Located(subject, base, report, run, np.random.default_rng(seed))
    if run.error or not located.wrong or not any(n > 1 for n in run.session.forward_hits.values()):
        return located
    straight = _run(subject, base, Session(is_reversed=False))
    other = Located(subject, base, report, straight, np.random.default_rng(seed))
    has_all = set(other.order) == set(located.order)
    return other if has_all and len(other.wrong) < len(located.wrong) else located


def _more(faults: Sequence[str]) -> str:
    return f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""


def _run(subject: Subject, base: Base, session: Session) -> Run:
    """Both passes; what a subject raises ends them."""
    run = Run(session)
    try:
        with tapped_by(session):
            values = [v.copy() for v in base.values] if base.may_write else base.values
            y, saved = subject.forward(values)
            run.output = np.array(y)
            dy = base.dy.copy() if base.may_write else base.dy
            found = gradients_by_index(subject, subject.backward(dy, saved))
        run.gradients = {subject.arguments[i].name: np.array(g) for i, g in found.items()}
    except Exception as error:  # whatever a subject raises is put in words
        run.error = f"{type(error).__name__}: {error}"
    return run


def complaints(session: Session) -> list[str]:
    """What is amiss with the taps themselves, a sentence each."""
    found = [
        f'tap("{name}") is given no floating-point array of NumPy, and is not measured'
        for name in dict.fromkeys(session.foreign)
    ]
    for name in {**session.forward_hits, **session.backward_hits}:
        forward, backward = session.forward_hits[name], session.backward_hits[name]
        if not backward:
            found.append(f'tap("{name}") has no tap_grad("{name}") that the backward pass reaches')
        elif not forward:
            found.append(f'tap_grad("{name}") has no tap("{name}") in the forward pass')
        elif forward != backward:
            times = f"{forward} times forward and {backward} times backward"
            found.append(f'"{name}" is hit {times}: only pairs are compared')
        elif name not in session.foreign and name in session.values.keys() - session.gradients:
            found.append(f'tap_grad("{name}") is given no floating-point array of NumPy')
    for key, gradient in session.gradients.items():
        value = session.values.get(key)
        if value is not None and value.shape != gradient.shape:
            shapes = f"has shape {gradient.shape}, expected {value.shape}, that of its tap"
            found.append(f'tap_grad("{key}") {shapes}')
    return found


class Located:
    """The taps of one subject at one point, judged.

    Args:
        subject: with the taps.
        base: the point.
        report: of the check that found the subject wrong.
        run: its passes at the point.
        rng: of directions and pushes.
    """

    def __init__(
        self, subject: Subject, base: Base, report: Report, run: Run, rng: np.random.Generator
    ) -> None:
        self.subject, self.base, self.report, self.run, self.rng = subject, base, report, run, rng
        values, gradients = run.session.values, run.session.gradients
        self.order = [key for key in gradients if _is_pair(values.get(key), gradients[key])]
        """Keys of the taps that can be compared, in the order of the backward pass."""
        keys = self.order[:MOST]
        self.behind = {key: self._pushed(key) for key in keys}
        """What moves in the forward pass when a tap is pushed: taps, and the output."""
        self.from_it = {key: self._spoiled(key) for key in keys} if not run.error else {}
        """What moves in the backward pass when a tap's gradient is: taps, and `d(argument)`."""

    def _push(self, key: str) -> Array:
        value = self.run.session.values[key]
        size = scale_of(np.where(np.isfinite(value), value, 0))
        return PUSH * size * signed(self.rng, value.shape, np.dtype(float))

    def _pushed(self, key: str) -> set[str]:
        moved = _run(self.subject, self.base, Session(moves={key: self._push(key)}))
        before = {**self.run.session.values, END: self.run.output}
        return _changed(before, {**moved.session.values, END: moved.output}) - {key}

    def _spoiled(self, key: str) -> set[str]:
        spoil = signed(self.rng, self.run.session.values[key].shape, np.dtype(float))
        spoil *= scale_of(self.run.session.gradients[key])
        is_reversed = self.run.session.is_reversed
        moved = _run(self.subject, self.base, Session(spoils={key: spoil}, is_reversed=is_reversed))
        return _changed(_all_gradients(self.run), _all_gradients(moved)) - {key}

    def unused(self) -> list[str]:
        """Taps whose result nothing depends on: the call stands there without an assignment."""
        forward = [
            f'nothing uses what tap("{key}") returns: write value = tap("{key}", value)'
            for key, behind in self.behind.items()
            if END not in behind and self.run.session.gradients[key].any()
        ]
        backward = [
            f'nothing uses what tap_grad("{key}") returns: write grad = tap_grad("{key}", grad)'
            for key, from_it in self.from_it.items()
            if not from_it
        ]
        return forward + backward

    def disordered(self) -> list[str]:
        """Taps whose gradient comes by before the gradient of something computed from them."""
        return [
            f'tap_grad("{early}") is called before tap_grad("{late}"), which it must come from'
            for position, early in enumerate(self.order)
            for late in self.order[position + 1 :]
            if late in self.behind.get(early, ()) and early not in self.behind.get(late, ())
        ]

    def verdict(self) -> list[str]:
        """Where to look."""
        order = self.live
        if not order:
            return []
        first = next((key for key in order if key in self.wrong), None)
        if first is None:
            return [f"{_ok(order)}: look {self._after()}"] if self.report.arguments else []
        before = order[: order.index(first)]
        known = f"{_ok(before)}, " if before else ""
        origin = self._origin(first)
        place = "" if before else "before the first tap, "
        return [f'{known}{first} wrong: look {place}between {origin} and tap_grad("{first}")']

    @cached_property
    def wrong(self) -> set[str]:
        """Keys of the taps whose gradients are wrong."""
        session = self.run.session
        values = {key: session.values[key] for key in self.live}
        if not values:
            return set()
        tapped = TappedSubject(self.subject, values, is_reversed=session.is_reversed)
        n = len(self.base.values)
        given = [*self.base.values, *(argument.value for argument in tapped.arguments[n:])]
        gradients = [session.gradients[key] for key in values]
        base = Base(given, self.base.dy, gradients, self.base.may_write)
        method = "ladder" if self.report.method == Ladder.name else "auto"
        report = Report(tapped.name, method, "auto", self.report.seed, "")
        chosen = range(n, len(given))
        Verifier(tapped, base, chosen, report, self.rng, searches=False).compare()
        return set(report.wrong_arguments)

    @property
    def live(self) -> list[str]:
        """Keys, in the order of the backward pass, of the taps on which the output depends."""
        return [key for key in self.order if END in self.behind.get(key, {END})]

    def _after(self) -> str:
        """Where to look when all taps are right."""
        wrong = [f"d({name})" for name in self.report.wrong_arguments]
        if not wrong:
            return "elsewhere: the numbers at the taps are not the fault"
        origins = {self._origin(name) for name in wrong}
        if origins == {UPSTREAM}:
            return f"between {UPSTREAM} and {wrong[0]}, which comes from no tap"
        return f"after the last tap, between {self._origin(wrong[0])} and {wrong[0]}"

    def _origin(self, name: str) -> str:
        """The taps that a gradient comes from without another one in between."""
        sources = [key for key, from_it in self.from_it.items() if name in from_it]
        nearest = [a for a in sources if not any(b in self.from_it[a] for b in sources)]
        return _listed([f'tap_grad("{key}")' for key in nearest], 2) or UPSTREAM


UPSTREAM = "the upstream gradient"


def _is_pair(value: Array | None, gradient: Array | None) -> bool:
    """Can these two be compared?"""
    if value is None or gradient is None or not value.size:
        return False
    return value.shape == gradient.shape and value.dtype.kind == "f" == gradient.dtype.kind


def _all_gradients(run: Run) -> dict[str, Array]:
    return {**run.session.gradients, **{f"d({n})": g for n, g in run.gradients.items()}}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Names of what is there on both sides and not the same, or no longer there."""
    return {
        name
        for name, array in before.items()
        if after.get(name) is None or not np.array_equal(array, after[name], equal_nan=True)
    }


def _ok(keys: Sequence[str]) -> str:
    """The last few of them, which are the ones nearest to the fault."""
    few = ", ".join(f"{key} ok" for key in keys[-4:])
    return f"{len(keys) - 4} taps ok, {few}" if len(keys) > 4 else few


def _listed(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
