"""From the reports of a run to badges: what is missing, partial or loosened is never green."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from capstone.badges.draw import GREEN, GREY, RED, Badge

RUN_SCHEMA, AUDIT_SCHEMA = "capstone-gradcheck/1", "capstone-audit/1"
ORACLE_BAR = 1e-12  # largest norm-relative error that a comparison with the oracle may allow
# Largest allowed error of a gradient, relative to its norm: by precision and numeric method. A few
# times what derived bounds come to on the built-in cases; whoever widens the bounds meets it.
GRADIENT_BARS = {
    ("float64", "complex step"): 1e-11,
    ("float64", "noise-limited ladder"): 1e-5,
    ("float32", "complex step"): 1e-3,
    ("float32", "noise-limited ladder"): 1e-3,
}


class NoDataError(Exception):
    """There is no report, or nothing that could be one; the message says which."""


Judge = Callable[[dict[str, Any]], tuple[str, list[str]]]


def make_badge(label: str, path: Path | None, judge: Judge) -> Badge:
    """Judge one report.

    Args:
        label: what the badge is about.
        path: of the report; None if there is none.
        judge: returns the words of a green badge and the reasons against it. The words count
            nothing: a new test must not make the badge another one.

    Returns:
        The badge: grey without data, red with a reason against it, else green.
    """
    try:
        words, reasons = judge(_read(path))
    except NoDataError as error:
        return Badge(label, "no data", GREY, (str(error),))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return Badge(label, "no data", GREY, (f"{path}: not a whole report: {error!r}",))
    return Badge(label, "failing", RED, tuple(reasons)) if reasons else Badge(label, words, GREEN)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        raise NoDataError("no report was given")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise NoDataError(f"{path}: cannot be read: {error}") from error
    if not isinstance(report, dict):
        raise NoDataError(f"{path}: not a report: expected an object, got {type(report).__name__}")
    return report


def judge_gradcheck(report: dict[str, Any]) -> tuple[str, list[str]]:
    """All checks of a complete test run, each with its sensitivity control."""
    reasons = _against_run(report, "tests/gradcheck")
    checks = report["checks"]
    if not checks:
        reasons.append("no gradient was checked")
    wrong = [check["name"] for check in checks if check["ok"] is not True]
    if wrong:
        reasons.append(f"{len(wrong)} gradients are not right, {wrong[0]} among them")
    if report["run"]["sensitivity"] is not True:
        reasons.append("the sensitivity control did not run")
    deaf = [check["name"] for check in checks if check["missed"] != []]
    if deaf:
        reasons.append(f"{len(deaf)} checks pass planted errors, that of {deaf[0]} among them")
    idle = [check["name"] for check in checks if not _compared(check)]
    if idle:
        reasons.append(f"{len(idle)} checks compared no entry, that of {idle[0]} among them")
    loose = [check["name"] for check in checks if _is_loosened(check)]
    if loose:
        reasons.append(f"loosened: {len(loose)} bounds are above the bar, {loose[0]} among them")
    return "all right", reasons


def judge_oracle(report: dict[str, Any]) -> tuple[str, list[str]]:
    """All comparisons with the second implementation."""
    reasons = _against_run(report, "tests/oracle")
    allowed = report["properties"].get("allowed", [])
    if not allowed:
        reasons.append("nothing was compared")
    loose = [bound for bound in allowed if not bound <= ORACLE_BAR]
    if loose:
        reasons.append(f"loosened: {loose[0]:.0e} is allowed, the bar is {ORACLE_BAR:.0e}")
    return "all agree", reasons


def judge_audit(report: dict[str, Any]) -> tuple[str, list[str]]:
    """All planted bugs of all subjects."""
    _check_schema(report, AUDIT_SCHEMA)
    subjects, reasons = report["subjects"], []
    if report["selection"] != "all":
        reasons.append(f"partial: {report['selection']}")
    mutants, killed, equivalent, survived = (
        sum(subject[key] for subject in subjects)
        for key in ("mutants", "killed", "equivalent", "survived")
    )
    if not killed:
        reasons.append("no planted bug was found")
    idle = [subject["name"] for subject in subjects if not subject["killed"]]
    if idle:
        reasons.append(f"no bug could be planted in {idle[0]}")
    if survived or killed + equivalent != mutants:
        reasons.append(f"{mutants - killed - equivalent} planted bugs survive")
    return "100 % killed", reasons


def judge_benchmarks(report: dict[str, Any]) -> tuple[str, list[str]]:
    """All benchmarks were run, and measured something."""
    reasons = _against_run(report, "benchmarks")
    timed = len(report["properties"].get("timed", []))
    if timed != report["run"]["passed"]:
        reasons.append(f"{timed} of {report['run']['passed']} benchmarks were timed")
    return "all timed", reasons


def _against_run(report: dict[str, Any], suite: str) -> list[str]:
    """Why a run of the tests in a folder is no proof of anything."""
    _check_schema(report, RUN_SCHEMA)
    run = report["run"]
    reasons = [f"partial: run with {words}" for words in run["selection"]]
    if run["paths"] != [suite]:
        reasons.append(f"partial: of {', '.join(run['paths'])} in place of {suite}")
    if run["exit_status"] != 0:
        reasons.append(f"the run ended with exit status {run['exit_status']}")
    for name in ("failed", "errors", "skipped", "deselected", "xfailed", "xpassed"):
        if run[name] != 0:
            reasons.append(f"{run[name]} {name}")
    if not run["passed"] or run["passed"] != run["collected"]:
        reasons.append(f"{run['passed']} of {run['collected']} tests passed")
    return reasons


def _compared(check: dict[str, Any]) -> int:
    return sum(argument["compared"] for argument in check["arguments"])


def _is_loosened(check: dict[str, Any]) -> bool:
    """Does a check allow more than its precision and method need?"""
    method = check["method"]
    bounds = [
        (argument["norm_allowed"], GRADIENT_BARS[argument["dtype"], method])
        for argument in check["arguments"]
    ]
    return not all(allowed is not None and allowed <= bar for allowed, bar in bounds)


def _check_schema(report: dict[str, Any], schema: str) -> None:
    if report.get("schema") != schema:
        raise NoDataError(f"not a report of {schema}: got schema {report.get('schema')!r}")


JUDGES: dict[str, Judge] = {
    "gradcheck": judge_gradcheck,
    "oracle": judge_oracle,
    "audit": judge_audit,
    "benchmarks": judge_benchmarks,
}
