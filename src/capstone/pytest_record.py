"""What a run of pytest leaves behind: counted outcomes, all checks, and the file with both."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

SCHEMA = "capstone-gradcheck/1"
PROPERTY = "gradcheck"  # the name under which checks travel with the reports of tests
COUNTED = ("passed", "failed", "skipped", "xfailed", "xpassed")


@dataclass
class Record:
    """One run.

    Args:
        found: tests before any selection.
        deselected: those that a selection left out.
        counts: how many tests ended how.
        checks: reports of checks as dictionaries, each with the `test` that made it.
        properties: what tests recorded besides, by name, in order.
    """

    found: int = 0
    deselected: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, list[Any]] = field(default_factory=dict)

    def read(self, stats: dict[str, list[Any]]) -> None:
        """Take over the terminal reporter's statistics, in which all workers come together."""
        self.counts = {name: len(stats.get(name, [])) for name in COUNTED}
        self.counts["errors"] = len(stats.get("error", []))
        ended = [report for name in COUNTED for report in stats.get(name, [])]
        for report in sorted(ended, key=lambda report: str(report.nodeid)):
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    self.checks.append({"test": report.nodeid, **json.loads(value)})
                else:
                    self.properties.setdefault(name, []).append(value)

    def table(self, most: int) -> list[str]:
        """The worst checks, one a line below a heading; no lines without checks."""
        if not self.checks:
            return []
        wrong = sum(not check["ok"] for check in self.checks)
        entries = sum(a["compared"] for check in self.checks for a in check["arguments"])
        verdict = f"{wrong} WRONG" if wrong else "all right"
        ordered = sorted(self.checks, key=_badness, reverse=True)
        width = min(48, max(len(check["name"]) for check in ordered[:most]))
        heading = f"{'worst':{width}}  entries  error of norm  allowed  would catch"
        return [
            f"gradcheck: {len(self.checks)} checks, {entries} entries, {verdict}",
            heading,
            *(_row(check, width) for check in ordered[:most]),
        ]

    def write(self, path: Path, run: dict[str, Any]) -> None:
        """The whole run as JSON, or as a page.

        Args:
            path: ending in `.json` or `.html`.
            run: what else there is to say of the run.

        Raises:
            OSError: the file cannot be written.
        """
        collected = self.found - self.deselected
        counts = {"collected": collected, "deselected": self.deselected, **self.counts}
        facts = {**counts, **run}
        if path.suffix == ".json":
            whole = {"schema": SCHEMA, "run": facts, "checks": self.checks}
            text = json.dumps({**whole, "properties": self.properties}, indent=1, default=str)
        else:
            from capstone.gradcheck.page import make_page

            text = make_page(self.checks, run=facts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def selection(config: "pytest.Config") -> list[str]:
    """What makes the run a partial one, in words of the command line."""
    option = config.option
    words = [f"-k {option.keyword}"] if option.keyword else []
    words += [f"-m {option.markexpr}"] if option.markexpr else []
    for name in ("deselect", "ignore", "ignore_glob"):
        words += [f"--{name.replace('_', '-')} {value}" for value in getattr(option, name) or ()]
    words += ["--last-failed"] if getattr(option, "lf", False) else []
    words += ["--stepwise"] if getattr(option, "stepwise", False) else []
    words += [f"--maxfail {option.maxfail}"] if option.maxfail else []
    words += [f"-o {setting}" for setting in option.override_ini or () if _decides(setting)]
    return words + [word for word in config.args if "::" in word or word.endswith(".py")]


def _decides(setting: str) -> bool:
    """Does a setting of the ini file decide which tests are found?"""
    return setting.startswith(("python_", "norecursedirs", "testpaths", "collect_"))


def paths(config: "pytest.Config") -> list[str]:
    """Where tests were looked for, as seen from the root of the project."""
    whole = [Path(config.invocation_params.dir, word.partition("::")[0]) for word in config.args]
    return [os.path.relpath(path, config.rootpath).replace(os.sep, "/") for path in whole]


def _badness(check: dict[str, Any]) -> tuple[bool, float]:
    shares = [
        argument["norm_error"] / argument["norm_allowed"]
        for argument in check["arguments"]
        if argument["norm_allowed"] and argument["norm_error"] is not None
    ]
    return not check["ok"], max(shares, default=0.0)


def _row(check: dict[str, Any], width: int) -> str:
    worst = max(
        check["arguments"],
        key=lambda argument: argument["norm_error"] or 0.0,
        default={"norm_error": None, "norm_allowed": None, "detection_floor": None},
    )
    numbers = [worst[key] for key in ("norm_error", "norm_allowed", "detection_floor")]
    error, allowed, floor = ("-" if n is None else f"{n:.1e}" for n in numbers)
    entries = sum(argument["compared"] for argument in check["arguments"])
    verdict = "" if check["ok"] else "  WRONG"
    name = check["name"][:width]
    return f"{name:{width}}  {entries:7d}  {error:>13}  {allowed:>7}  {floor:>11}{verdict}"
