"""What an audit found out, as words and as plain data."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

VERDICTS = ("killed", "equivalent", "hidden", "survived")


class Outcome(NamedTuple):
    """What became of one planted bug.

    Args:
        bug: what was changed, where.
        verdict: "killed"; "equivalent", if nothing that comes out changes; "hidden", if the change
            is smaller than what the check says that it can tell; or "survived".
        why: unless it was killed; for a survivor, what would kill it.
    """

    bug: str
    verdict: str
    why: str = ""


@dataclass
class Audit:
    """What an audit found out.

    Args:
        name: of the subject.
        planted_in: "source" or "returned gradients".
        outcomes: one a planted bug.
        seconds: that it took.
    """

    name: str
    planted_in: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, verdict: str) -> int:
        """How many bugs were killed, are equivalent or hidden, or survived."""
        return len(self.of(verdict))

    def of(self, verdict: str) -> list[Outcome]:
        """The bugs with that verdict."""
        return [outcome for outcome in self.outcomes if outcome.verdict == verdict]

    @property
    def survivors(self) -> list[Outcome]:
        """The bugs that the check did not find although they change what comes out."""
        return self.of("survived")

    @property
    def kill_rate(self) -> float:
        """Killed of those that change anything that can be told; 1 is what a check should reach."""
        able = self.count("killed") + self.count("survived")
        return self.count("killed") / able if able else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Counts, and the bugs that were not killed, as plain data."""
        return {
            "name": self.name,
            "planted_in": self.planted_in,
            "mutants": len(self.outcomes),
            **{verdict: self.count(verdict) for verdict in VERDICTS},
            "survivors": [outcome._asdict() for outcome in self.survivors],
            "others": [o._asdict() for v in ("equivalent", "hidden") for o in self.of(v)],
            "seconds": self.seconds,
        }

    def in_words(self, *verdicts: str) -> str:
        """One line, and two more for each bug with one of the verdicts."""
        rate = len(self.outcomes) / self.seconds if self.seconds else 0.0
        hidden = f"{self.count('hidden')} hidden, " if self.count("hidden") else ""
        place = "" if self.planted_in == "source" else f" in {self.planted_in}"
        lines = [
            f"{self.name}: {self.count('killed')} of {len(self.outcomes)} planted bugs killed"
            f"{place}, {self.count('equivalent')} equivalent, {hidden}"
            f"{len(self.survivors)} survived ({rate:.0f} a second)"
        ]
        for outcome in [outcome for verdict in verdicts for outcome in self.of(verdict)]:
            lines += [f"  {outcome.verdict:12} {outcome.bug}", f"{'':15}{outcome.why}"]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.in_words("survived", "hidden")
