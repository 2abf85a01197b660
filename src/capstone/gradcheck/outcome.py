"""What a check finds out: verdicts on gradients, broken rules, warnings, and what it all cost."""

from dataclasses import dataclass, field


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
        kind: the same in a word, as "sign" or "transposed"; empty if nothing simple explains it.
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
    kind: str = ""
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
class Outcome:
    """Everything that one check found out; `Report` is its face."""

    name: str
    method: str
    depth: str
    seed: int
    replay: str
    arguments: list[ArgumentReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    located: list[str] = field(default_factory=list)
    """Where a wrong subject goes wrong, each after the name of what says so: "taps: ..."."""
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
