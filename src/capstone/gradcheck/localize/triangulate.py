"""Triangulation: of two forward passes and two gradients, which one stands alone?"""

from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.check import check
from capstone.gradcheck.localize.conventions import Two, name_convention
from capstone.gradcheck.localize.locate import base_of
from capstone.gradcheck.localize.side import ROUNDINGS, Side
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.jax_subject import JaxSubject
from capstone.gradcheck.subjects.make_subject import Means, make_subject
from capstone.gradcheck.subjects.oracles import Crossed, ForwardSubject, make_oracle
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.subjects.torch_subject import TorchSubject
from capstone.gradcheck.verdict.base import Base
from capstone.gradcheck.words import WIDTH

PROBES = 2  # directions an argument
VERDICTS = {
    "agree": "everything agrees",
    "backward": "the backward is wrong, and stands alone",
    "forward": "the forward is wrong",
    "both": "forward and backward are both wrong",
    "convention": "right, by another convention",
    "oracle": "the oracle's own gradient is wrong",
}


@dataclass(frozen=True)
class Triangulation:
    """Who is right, with the reasons.

    Args:
        name: of the subject.
        verdict: "agree", "backward", "forward", "both", "convention" or "oracle".
        text: the verdict in a sentence.
        quantities: what is known of each of the five, by name.
        output_error: `|own output - oracle's| / |oracle's|` in the 2-norm; infinite if they
            cannot be compared.
        report: of the check of the subject itself.
    """

    name: str
    verdict: str
    text: str
    quantities: dict[str, str]
    output_error: float
    report: Report = field(repr=False)

    @property
    def ok(self) -> bool:
        """Everything agrees."""
        return self.verdict == "agree"

    def to_dict(self) -> dict[str, Any]:
        """Everything as what JSON knows."""
        error = self.output_error if np.isfinite(self.output_error) else None
        plain = {k: v for k, v in vars(self).items() if k != "report"}
        return plain | {
            "ok": self.ok,
            "quantities": dict(self.quantities),
            "output_error": error,
            "report": self.report.to_dict(),
        }

    def __str__(self) -> str:
        rows = [f"  {name:<19} {words}" for name, words in self.quantities.items()]
        lines = wrap(f"{self.name}: {self.text}", WIDTH, subsequent_indent="  ", max_lines=4)
        for row in rows:
            lines += wrap(row, WIDTH, subsequent_indent=" " * 22, max_lines=2)
        return "\n".join(lines)


def triangulate(
    subject: Any, *inputs: Any, oracle: Any, oracle_inputs: Any = None, **options: Any
) -> Triangulation:
    """Compare a forward and a backward pass with an oracle, and say which of all stands alone.

    Own forward, own backward, differences of the own forward, the oracle's forward and the
    oracle's gradient: a mistake in one of them leaves the others in agreement.

    Args:
        subject: as for `check`.
        inputs: as for `check`.
        oracle: another implementation of the same: a NumPy function (a forward pass is enough), an
            `Op`, a layer, a function or module of PyTorch, a function of JAX.
        oracle_inputs: its inputs, if they are not the subject's arguments in their order (for a
            layer: its inputs, then its parameters).
        options: those of `check`.

    Returns:
        The verdict, with its reasons.

    Raises:
        UsageError: as `check`; an oracle that does not run.
    """
    report = check(subject, *inputs, **options)
    means = Means(**{key: options[key] for key in Means.__annotations__ if key in options})
    made = make_subject(subject, inputs, means, name=report.name, seed=report.seed)
    other = make_oracle(oracle, made, inputs, oracle_inputs)
    with made.restored(), other.restored(), np.errstate(all="ignore"):
        base = base_of(made, report, options.get("upstream"))
        if base is None:
            text = "nothing to compare: " + "; ".join(f.message for f in report.findings)
            return Triangulation(made.name, "both", text, {}, float("inf"), report)
        return Five(made, other, base, report).judged()


class Five:
    """The five quantities at one point.

    Args:
        subject: what is judged.
        oracle: the other implementation.
        base: the point, the upstream gradient and the own gradients.
        report: of the check of the subject.
    """

    def __init__(self, subject: Subject, oracle: Subject, base: Base, report: Report) -> None:
        self.report, self.oracle = report, oracle
        self.rng = np.random.default_rng(report.seed)
        self.pairs = _pairs(subject, oracle)
        own = base.gradients or [np.zeros_like(base.values[i]) for i in _able(subject)]
        chosen = [i for i, _ in self.pairs]
        self.own = Side(subject, base._replace(gradients=own), chosen, self.rng)
        self.has_shape = _output_shape(oracle) == base.dy.shape
        self.other = self._side_of_oracle(base)

    def _side_of_oracle(self, base: Base) -> Side:
        """With the oracle's own gradient, if it has one; with zeros else."""
        values = [argument.value for argument in self.oracle.arguments]
        able = _able(self.oracle)
        dy = (
            base.dy
            if self.has_shape
            else signed(self.rng, _output_shape(self.oracle), base.dy.dtype)
        )
        gradients = [np.zeros_like(values[i]) for i in able]
        if not isinstance(self.oracle, ForwardSubject):
            y, saved = self.oracle.forward(values)
            found = self.oracle.backward(dy.astype(np.asarray(y).dtype), saved)
            gradients = [np.asarray(gradient) for gradient in found]
        chosen = [j for _, j in self.pairs]
        return Side(self.oracle, Base(values, dy, gradients, False), chosen, self.rng)

    def judged(self) -> Triangulation:
        """The verdict."""
        own, other = self.own.output, self.other.output
        allowed = self.own.allowed() + self.other.allowed()
        is_same = own.shape == other.shape and _agree(own, other, allowed)
        slopes = self._slopes() if self.has_shape else (np.zeros(0),) * 3
        two = Two(self.own.evaluator, self.other.evaluator, allowed, self.pairs, slopes)
        same_slopes = self.has_shape and two.has_slopes(1)
        verdict, text = self._verdict(is_same, same_slopes, "" if is_same else name_convention(two))
        error = _error(own, other)
        return Triangulation(
            self.report.name,
            verdict,
            text,
            self._quantities(is_same, error, same_slopes),
            error,
            self.report,
        )

    def _verdict(self, is_same: bool, same_slopes: bool, convention: str) -> tuple[str, str]:
        """Which stands alone."""
        is_consistent = bool(self.report.arguments) and not self.report.wrong_arguments
        if self._oracle_is_wrong():
            return self._worded("oracle", "it disagrees with differences of the oracle's forward")
        is_elsewhere = self.has_shape and not (is_same and same_slopes)
        if not is_consistent and is_elsewhere and self._is_gradient_of_oracle():
            words = "the backward is right for the oracle's forward, not for yours"
            return self._worded("forward", words)
        if is_same and is_consistent:
            if same_slopes:
                return self._worded("agree", "")
            words = "its output agrees with the oracle's at this point, its derivatives do not"
            return self._worded("forward", words)
        if is_same:
            return self._worded("backward", "")
        if convention:
            if is_consistent:
                return self._worded("convention", convention)
            return self._worded("backward", f"and besides, the forward differs: {convention}")
        if is_consistent:
            return self._worded("forward", "the backward is consistent with it, the oracle is not")
        return self._worded("both", "")

    @staticmethod
    def _worded(verdict: str, words: str) -> tuple[str, str]:
        return verdict, f"{VERDICTS[verdict]}: {words}" if words else VERDICTS[verdict]

    def _oracle_is_wrong(self) -> bool:
        return not isinstance(self.oracle, ForwardSubject) and bool(self.other.wrong)

    def _is_gradient_of_oracle(self) -> bool:
        """Does the own backward pass agree with differences of the oracle's forward pass?"""
        if not self.pairs or not self.report.arguments:
            return False
        crossed = Crossed(self.own.subject, self.oracle, self.pairs)
        return not Side(crossed, self.own.base, [i for i, _ in self.pairs], self.rng).wrong

    def _slopes(self) -> tuple[Array, Array, Array]:
        """Derivatives of both along the same directions, and how far rounding moves them apart."""
        rows = []
        for i, j in self.pairs:
            shape = (PROBES, *self.own.base.values[i].shape)
            direction = signed(self.rng, shape, np.dtype(float))
            own = self.own.numeric.slopes({i: direction})
            oracle = self.other.numeric.slopes({j: direction})
            eps = ROUNDINGS * float(np.finfo(float).eps)
            noise = eps * (own.terms + oracle.terms) + own.noise + oracle.noise
            rows.append((own.value, oracle.value, noise))
        columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
        return (columns[0], columns[1], columns[2]) if rows else (np.zeros(0),) * 3

    def _quantities(self, is_same: bool, error: float, same_slopes: bool) -> dict[str, str]:
        """What is known of each of the five."""
        wrong = ", ".join(f"d({name})" for name in self.report.wrong_arguments)
        away = "another shape than" if error == np.inf else f"{error:.1e} of the norm away from"
        failed = "could not be compared" if not self.report.arguments else ""
        has_none = isinstance(self.oracle, ForwardSubject)
        bad = ", ".join(f"d({name})" for name in self.other.wrong)
        consistent = "agrees with the differences of its forward"
        forward = "agrees with" if is_same else f"is {away}"
        gradient = f"{bad} disagrees with the differences of its forward" if bad else consistent
        return {
            "own forward": f"{forward} the oracle's",
            "own backward": failed
            or (f"{wrong} disagrees with the differences" if wrong else consistent),
            "own differences": f"by {self.report.method}: "
            + ("agree" if same_slopes else "do not agree")
            + " with the oracle's",
            "oracle's forward": f"{self.oracle.name} of {_home(self.oracle)}, run in float64",
            "oracle's gradient": "from differences: it has no backward" if has_none else gradient,
        }


def _home(oracle: Subject) -> str:
    """Who runs it."""
    if isinstance(oracle, TorchSubject):
        return "PyTorch"
    return "JAX" if isinstance(oracle, JaxSubject) else "NumPy"


def _agree(own: Array, other: Array, allowed: float) -> bool:
    """Equal to rounding; infinities and NaN alike."""
    is_equal = (own == other) | (np.isnan(own) & np.isnan(other))
    return bool(np.all(is_equal | (np.abs(own - other) <= allowed)))


def _error(own: Array, other: Array) -> float:
    if own.shape != other.shape:
        return float("inf")
    norm = float(np.linalg.norm(other))
    distance = float(np.linalg.norm(own - other))
    return distance / norm if norm else (distance and float("inf"))


def _able(subject: Subject) -> list[int]:
    return [i for i, argument in enumerate(subject.arguments) if argument.is_differentiable]


def _pairs(subject: Subject, oracle: Subject) -> list[tuple[int, int]]:
    """Differentiable arguments that belong together, in their order; of equal shapes."""
    pairs = zip(_able(subject), _able(oracle), strict=False)
    own, other = subject.arguments, oracle.arguments
    return [(i, j) for i, j in pairs if own[i].value.shape == other[j].value.shape]


def _output_shape(oracle: Subject) -> tuple[int, ...]:
    return np.shape(oracle.forward([argument.value for argument in oracle.arguments])[0])
