"""What a check says: verdicts, findings, and the words in which a failure is explained."""

from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from textwrap import wrap
from typing import Any

from capstone.errors import GradientMismatch
from capstone.gradcheck.diagnosis.fingerprints import factor_in_words
from capstone.gradcheck.page import make_page

WIDTH = 100  # columns
INDENT = " " * 15  # of the second line of an entry


@dataclass(frozen=True)
class ArgumentReport:
    """The verdict on one gradient.

    Args:
        name: of the argument.
        shape: of the argument.
        dtype: of the argument.
        compared: number of entries whose gradient was compared, each alone or within a projection.
        wrong: number of entries found wrong.
        worst: index of the entry that exceeds its allowance most (or comes nearest to it).
        analytic: what the backward pass says there (along the probe, for a projection).
        numeric: what the differences say there.
        error: `|analytic - numeric|` there.
        allowed: the largest error there that rounding explains.
        norm_error: `|analytic - numeric| / |numeric|` in the 2-norm, over all that was compared.
        norm_allowed: the allowances of all that was compared, in the same measure.
        detection_floor: the relative error in an entry of median size that would have been caught.
        below_noise: number of nonzero entries smaller than their own allowance.
        is_right: the verdict.
        diagnosis: for a wrong one, what the error looks like.
        errors: decades by which the errors of the entries exceed their allowances, as rows of a
            picture (the largest of those that share a place); None where there is no error. Empty
            unless entries were compared one by one.
        curve: for a wrong one `(step, distance from the central difference)` of the worst entry.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    compared: int
    wrong: int
    worst: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    allowed: float
    norm_error: float
    norm_allowed: float
    detection_floor: float
    below_noise: int
    is_right: bool
    diagnosis: str = ""
    errors: tuple[tuple[float | None, ...], ...] = field(default=(), repr=False)
    curve: tuple[tuple[float, float], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Finding:
    """A rule of the protocol that the subject breaks: `rule` names it, `message` says how.

    `arguments` are those whose gradients are touched, as far as that can be told.
    """

    rule: str
    message: str
    arguments: tuple[str, ...] = ()


@dataclass
class Report:
    """Everything that one call of `check` found out."""

    name: str
    method: str
    depth: str
    seed: int
    replay: str
    arguments: list[ArgumentReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    forwards: int = 0
    backwards: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Right: something was compared, all of it agrees, and no rule is broken."""
        agrees = all(argument.is_right for argument in self.arguments)
        return bool(self.arguments) and agrees and not self.findings

    @property
    def wrong_arguments(self) -> list[str]:
        """Names of the arguments whose gradients are wrong."""
        return [argument.name for argument in self.arguments if not argument.is_right]

    @property
    def compared(self) -> int:
        """Number of entries compared, over all arguments."""
        return sum(argument.compared for argument in self.arguments)

    @property
    def norm_error(self) -> float:
        """The worst error of an argument relative to the norm of its gradient."""
        return max((argument.norm_error for argument in self.arguments), default=0.0)

    @property
    def norm_allowed(self) -> float:
        """The allowance of the argument with the worst error, in the same measure."""
        worst = max(self.arguments, key=lambda argument: argument.norm_error, default=None)
        return worst.norm_allowed if worst else 0.0

    @property
    def detection_floor(self) -> float:
        """The relative error that would have been caught in every argument."""
        return max((argument.detection_floor for argument in self.arguments), default=float("inf"))

    def raise_if_wrong(self) -> None:
        """Raise `GradientMismatch` with the diagnosis, unless the check is right."""
        __tracebackhide__ = True
        if not self.ok:
            raise GradientMismatch(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Everything as what JSON knows; numbers that are not finite become None."""
        plain: dict[str, Any] = _plain({**asdict(self), "ok": self.ok, "text": str(self)})
        return plain

    def to_html(self, path: str | Path) -> None:
        """Write a page that needs no other file: the words, heat-maps of the errors, curves.

        Raises:
            OSError: the file cannot be written.
        """
        Path(path).write_text(make_page([self.to_dict()]), encoding="utf-8")

    def __str__(self) -> str:
        return _right(self) if self.ok else "\n".join([_headline(self), *_body(self)])


def _plain(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(item) for item in thing]
    return None if isinstance(thing, float) and not isfinite(thing) else thing


def _right(report: Report) -> str:
    lines = [
        f"{report.name}: ok, {report.compared} entries by {report.method} ({report.depth}), "
        f"would have caught {report.detection_floor:.0e}"
    ]
    for a in report.arguments:
        floor = f"would have caught {a.detection_floor:.0e}"
        noise = f", {a.below_noise} entries below the noise" if a.below_noise else ""
        lines.append(
            f"  {a.name:<12} {a.shape!s:<16} error {a.norm_error:.1e} of the norm, {floor}{noise}"
        )
    return "\n".join([*lines, *(f"  warning      {warning}" for warning in report.warnings)])


def _headline(report: Report) -> str:
    wrong = report.wrong_arguments
    if wrong:
        names = _listed([f"d({name})" for name in wrong], ", ", 40)
        verb = "disagrees" if len(wrong) == 1 else "disagree"
        return _line(f"{report.name}: {names} {verb} with the derivative by {report.method}")
    if report.findings:
        rules = ", ".join(sorted({finding.rule for finding in report.findings}))
        return _line(f"{report.name}: the backward pass breaks the protocol: {rules}")
    return _line(f"{report.name}: nothing was compared")


def _body(report: Report) -> list[str]:
    lines = []
    wrong = [argument for argument in report.arguments if not argument.is_right]
    for argument in wrong[:3]:
        lines += _explain(argument)
    if len(wrong) > 3:
        lines.append(f"  and          {_listed([a.name for a in wrong[3:]], ', ', 60)}")
    right = [argument for argument in report.arguments if argument.is_right]
    if wrong and right:
        floor = max(argument.detection_floor for argument in right)
        names = _listed([f"{argument.name} ok" for argument in right], "   ", 50)
        lines.append(f"  others       {names}   (would have caught {floor:.0e})")
    for finding in report.findings[:3]:
        words = f"{finding.rule:<12} {finding.message}"
        lines += wrap(f"  {words}", WIDTH, subsequent_indent=INDENT, max_lines=2)
    lines += [f"  warning      {warning}" for warning in report.warnings[:2]]
    return [*map(_line, lines), f"  replay       {report.replay}"]


def _listed(names: list[str], between: str, room: int) -> str:
    """As many of the names as there is room for, and how many more there are."""
    shown = names[:1]
    for name in names[1:]:
        if len(between.join([*shown, name])) > room:
            break
        shown.append(name)
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return between.join(shown) + more


def _line(words: str) -> str:
    """On one line that fits."""
    words = words.replace("\n", " ")
    return words if len(words) <= WIDTH else words[: WIDTH - 4] + " ..."


def _explain(argument: ArgumentReport) -> list[str]:
    ratio = argument.analytic / argument.numeric if argument.numeric else float("nan")
    size = max(abs(argument.numeric), abs(argument.analytic)) or 1.0
    where = "along a probe" if argument.worst == () and argument.shape else list(argument.worst)
    return [
        f"  argument     {argument.name}  shape {argument.shape}  dtype {argument.dtype}",
        f"  worst        {where}   analytic {argument.analytic:.6g}   "
        f"numeric {argument.numeric:.6g}   ratio {factor_in_words(ratio, digits=4)}",
        f"  error        {argument.error / size:.1e} relative   "
        f"allowed {argument.allowed / size:.1e}   "
        f"{argument.wrong} of {argument.compared} entries differ",
        *wrap(f"  diagnosis    {argument.diagnosis}", WIDTH, subsequent_indent=INDENT, max_lines=2),
    ]
