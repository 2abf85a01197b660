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
        judge: returns the words of a green badge and the reasons against it.

    Returns:
        The badge: grey without data, red with a reason against it, else green.
    """
    try:
        words, reasons = judge(_read(path))
    except NoDataError as error:
        return Badge(label, "no data", GREY, (str(error),))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return Badge(label, "no data", GREY, (f"{path}: not a whole report: {error!r}",))
    return Badge(label, "failing", RED, tuple(reasons)) if reasons else Badge(label, words, GREEN)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        raise NoDataError("no report was given")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoDataError(f"{path}: cannot be read: {error}") from error
    if not isinstance(report, dict):
        raise NoDataError(f"{path}: not a report: expected an object, got {type(report).__name__}")
    return report


def judge_gradcheck(report: dict[str, Any]) -> tuple[str, list[str]]:
    """All checks of a complete test run, each with its sensitivity control."""
    reasons = _against_run(report)
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
    compared = sum(argument["compared"] for check in checks for argument in check["arguments"])
    if checks and not compared:
        reasons.append("no entry was compared")
    loose = [check["name"] for check in checks if _is_loosened(check)]
    if loose:
        reasons.append(f"loosened: {len(loose)} bounds are above the bar, {loose[0]} among them")
    return f"{len(checks)} checks right", reasons


def judge_oracle(report: dict[str, Any]) -> tuple[str, list[str]]:
    """All comparisons with the second implementation."""
    reasons = _against_run(report)
    allowed = report["properties"].get("allowed", [])
    if not allowed:
        reasons.append("nothing was compared")
    elif not max(allowed) <= ORACLE_BAR:
        reasons.append(f"loosened: {max(allowed):.0e} is allowed, the bar is {ORACLE_BAR:.0e}")
    return f"{len(allowed)} comparisons agree", reasons


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
    reasons = _against_run(report)
    timed = len(report["properties"].get("timed", []))
    if timed != report["run"]["passed"]:
        reasons.append(f"{timed} of {report['run']['passed']} benchmarks were timed")
    return f"{timed} timed", reasons


def _against_run(report: dict[str, Any]) -> list[str]:
    """Why a test run is no proof of anything."""
    _check_schema(report, RUN_SCHEMA)
    run = report["run"]
    reasons = [f"partial: run with {words}" for words in run["selection"]]
    if run["exit_status"] != 0:
        reasons.append(f"the run ended with exit status {run['exit_status']}")
    for name in ("failed", "errors", "skipped", "deselected", "xfailed", "xpassed"):
        if run[name] != 0:
            reasons.append(f"{run[name]} {name}")
    if not run["passed"] or run["passed"] != run["collected"]:
        reasons.append(f"{run['passed']} of {run['collected']} tests passed")
    return reasons


def _is_loosened(check: dict[str, Any]) -> bool:
    """Does a check allow more than its precision and method need?"""
    method = check["method"]
    return any(
        not argument["norm_allowed"] <= GRADIENT_BARS[argument["dtype"], method]
        for argument in check["arguments"]
        if argument["norm_allowed"] is not None
    )


def _check_schema(report: dict[str, Any], schema: str) -> None:
    if report.get("schema") != schema:
        raise NoDataError(f"not a report of {schema}: got schema {report.get('schema')!r}")


JUDGES: dict[str, Judge] = {
    "gradcheck": judge_gradcheck,
    "oracle": judge_oracle,
    "audit": judge_audit,
    "benchmarks": judge_benchmarks,
}
