"""Reports hold exactly the keys that docs/report-format.md names, of the types that it says."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import capstone.gradcheck.audit.returned  # noqa: F401 -- NumPy cannot be loaded twice
from capstone.cli import main
from capstone.gradcheck import Op, check
from docs_runner import read
from unit.gradcheck.samples import draw
from unit.plugin_project import RIGHT, WRONG, run_project

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "report-format.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| .+ \|$", re.MULTILINE)
PLAIN = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
OF_RUNS = {"test", "missed"}  # keys of a check that a run adds to what `to_dict` gives


def tables() -> dict[str, dict[str, str]]:
    """`{section: {key: type}}`, as the page has it."""
    _, *sections = read(PAGE).split("\n## ")
    return {part.partition("\n")[0]: dict(ROW.findall(part)) for part in sections}


TABLES = tables()


def problems(thing: Any, kind: str, where: str) -> list[str]:
    """Where a value is not as the page says."""
    kinds = kind.split(" or ") if kind[0] not in "[{" or " or null" in kind[-8:] else [kind]
    if len(kinds) > 1:
        return min((problems(thing, one, where) for one in kinds), key=len)
    if kind == "any":
        return []
    if kind in TABLES:
        if not isinstance(thing, dict):
            return [f"{where} is no object"]
        odd = {*thing} ^ {*TABLES[kind]}
        found = [f"{where}.{key} is in one of page and report" for key in sorted(odd)]
        both = [key for key in TABLES[kind] if key in thing]
        return found + [
            p for k in both for p in problems(thing[k], TABLES[kind][k], f"{where}.{k}")
        ]
    if kind[0] in "[{":
        if not isinstance(thing, list if kind[0] == "[" else dict):
            return [f"{where} is not {kind}"]
        items = enumerate(thing) if kind[0] == "[" else thing.items()
        return [p for i, item in items for p in problems(item, kind[1:-1], f"{where}[{i}]")]
    is_bool = isinstance(thing, bool) and kind != "boolean"
    return [] if isinstance(thing, PLAIN[kind]) and not is_bool else [f"{where} is not {kind}"]


FINDING = (
    "def test_finding(gradcheck):\n"
    "    gradcheck(np.sin, X, backward=lambda dy, x: dy * np.cos(x) + 0 * dy.sum() + (dy == 0))\n"
)
NOTED = "def test_noted(record_property):\n    record_property('allowed', 1e-12)\n"


@pytest.fixture
def suite(pytester):
    """The report of a run with right and wrong checks, a finding, and a note."""
    words = ["--gradcheck-report=report.json", "--gradcheck-sensitivity"]
    run_project(pytester, RIGHT + WRONG + FINDING + NOTED, *words)
    return json.loads((pytester.path / "report.json").read_text())


def test_a_run_is_as_documented(suite):
    assert problems(suite, "suite", "suite") == []
    assert suite["schema"] in read(PAGE)


def test_what_the_command_writes_is_as_documented(tmp_path):
    path = tmp_path / "silu.json"
    assert main(["gradcheck", "-k", "silu", "--json", str(path)]) == 0
    whole = json.loads(path.read_text())
    assert len(whole["checks"]) > 1
    checks = [{**dict.fromkeys(OF_RUNS), "test": "", **check} for check in whole["checks"]]
    assert problems({**whole, "checks": checks}, "command", "command") == []
    assert whole["schema"] in read(PAGE)


def test_the_run_shows_every_kind_of_thing(suite):
    """Otherwise the test above would say nothing about it."""
    checks = suite["checks"]
    assert any(check["findings"] for check in checks)
    assert any(check["missed"] == [] for check in checks)
    arguments = [argument for check in checks for argument in check["arguments"]]
    assert any(argument["curve"] for argument in arguments)
    assert any(argument["errors"] for argument in arguments)
    assert suite["properties"]


@pytest.mark.parametrize(
    "backward",
    [
        lambda dy, x: dy * np.cos(x),
        lambda dy, x: dy * np.nan,
        lambda dy, x: None,
        lambda dy, x: 1 / 0,
        lambda dy, x: dy[:1],
    ],
)
@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_a_check_is_as_documented_whatever_comes_out(backward, depth):
    report = check(Op(lambda x: (np.sin(x), x), backward), draw(3, 4), depth=depth)
    whole = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    whole |= {"test": "", "missed": None}
    assert problems(whole, "check", "check") == []


def test_an_audit_is_as_documented(tmp_path):
    path = tmp_path / "audit.json"
    main(["mutate", "cross_entropy", "--json", str(path)])
    audit = json.loads(path.read_text())
    assert audit["subjects"][0]["others"]
    assert problems(audit, "audit", "audit") == []
    assert audit["schema"] in read(PAGE)


def test_every_section_is_reached():
    """A table that nothing leads to would be tested by nothing."""
    mentioned = {
        word
        for keys in TABLES.values()
        for kind in keys.values()
        for word in re.findall(r"\w+", kind)
    }
    assert set(TABLES) - mentioned == {"suite", "command", "audit"}
    assert mentioned - set(TABLES) <= {*PLAIN, "any", "or"}


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (True, "integer", "x is not integer"),
        (1.5, "integer", "x is not integer"),
        (None, "[string]", "x is not [string]"),
        ([1], "[string]", "x[0] is not string"),
        ({"rule": "", "message": "", "arguments": [], "more": 1}, "finding", "x.more is in one of"),
        ({"rule": "", "message": ""}, "finding", "x.arguments is in one of"),
    ],
)
def test_a_difference_is_found(value, kind, words):
    (problem,) = problems(value, kind, "x")
    assert problem.startswith(words)
