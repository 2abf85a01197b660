"""Reports of complete runs in which all was right, for tests to spoil."""

from typing import Any

RUN = {
    "collected": 3,
    "deselected": 0,
    "passed": 3,
    "failed": 0,
    "skipped": 0,
    "xfailed": 0,
    "xpassed": 0,
    "errors": 0,
    "exit_status": 0,
    "sensitivity": True,
    "selection": [],
}


def argument(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "compared": 30, "dtype": "float64", "norm_allowed": 1e-13, **changes}


def check(**changes: Any) -> dict[str, Any]:
    right = {"name": "rmsnorm", "ok": True, "missed": [], "method": "complex step"}
    return {**right, "arguments": [argument()], **changes}


def suite(path: str = "tests/gradcheck", **changes: Any) -> dict[str, Any]:
    """Of the suite in a folder; `run` holds changes of the run itself."""
    run = {**RUN, "paths": [path], **changes.pop("run", {})}
    properties = {"allowed": [1e-12, 1e-12], "timed": [1, 2, 3]}
    whole = {"schema": "capstone-gradcheck/1", "run": run, "checks": [check()]}
    return {**whole, "properties": properties, **changes}


def audited(**changes: Any) -> dict[str, Any]:
    return {"name": "rmsnorm", "mutants": 9, "killed": 8, "equivalent": 1, "survived": 0, **changes}


def audit(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "capstone-audit/1",
        "selection": "all",
        "subjects": [audited(), audited(name="linear")],
        **changes,
    }


WHOLE = {
    "gradcheck": suite(),
    "oracle": suite("tests/oracle"),
    "audit": audit(),
    "benchmarks": suite("benchmarks"),
}
