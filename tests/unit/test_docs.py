"""The documentation says what the code says: quotes, examples, printed reports, links."""

import ast
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from capstone import layers, ops

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DERIVATIONS = sorted((DOCS / "derivations").glob("*.md"))
PAGES = [*sorted(DOCS.glob("*.md")), *DERIVATIONS]
RUNNABLE = [
    DOCS / name
    for name in (
        "how-to-read-a-failure.md",
        "how-the-verdict-is-made.md",
        "verify-your-own-layer.md",
    )
]
OPS = [name.removesuffix("_fwd") for name in ops.__all__ if name.endswith("_fwd")]
CLASSES = [*layers.__all__, "TrainableTransformer"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
ROUNDING = re.compile(r"\d(\.\d+)?e[+-]\d+")  # differs from one linear algebra library to the next


def read(page: Path) -> str:
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [body for marked, body in BLOCK.findall(read(page)) if marked == language]


def code_note(page: Path) -> str:
    """The paragraph at the top of a derivation that says where the code is."""
    notes = [part for part in read(page).split("\n\n") if part.startswith("Code:")]
    return notes[0] if notes else ""


def printed_by(code: str, namespace: dict[str, Any]) -> str:
    """What a block prints when it runs after those before it."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, namespace)
    return out.getvalue().rstrip()


def rules() -> list[str]:
    """Every rule under which the verifier reports a finding."""
    found = set()
    for path in (ROOT / "src/capstone/gradcheck").glob("*.py"):
        calls = [n for n in ast.walk(ast.parse(read(path))) if isinstance(n, ast.Call) and n.args]
        for call in calls:
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            rule = call.args[0]
            if name in {"Finding", "broken", "_found"} and isinstance(rule, ast.Constant):
                found.add(str(rule.value))
    return sorted(found)


def test_rules_are_found_in_the_source():
    assert {"contract", "frozen", "linearity", "vacuous"} <= set(rules())


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_a_derivation(op):
    assert f"`{op}_fwd`" in code_note(DOCS / "derivations" / f"{op}.md")


@pytest.mark.parametrize("name", CLASSES)
def test_every_layer_class_belongs_to_one_derivation(name):
    owners = [page.name for page in DERIVATIONS if re.search(rf"`{name}`\s+in", code_note(page))]
    assert len(owners) == 1


@pytest.mark.parametrize("page", DERIVATIONS, ids=lambda page: page.stem)
def test_quoted_lines_stand_in_the_source(page):
    sources = re.findall(r"`(src/[\w/]+\.py)`", code_note(page))
    lines = {line.strip() for source in sources for line in read(ROOT / source).splitlines()}
    quoted = [line.strip() for block in blocks(page, "python") for line in block.splitlines()]
    assert [line for line in quoted if line not in lines] == []


@pytest.mark.parametrize("page", DERIVATIONS, ids=lambda page: page.stem)
def test_every_derivation_quotes_code_and_names_traps(page):
    assert blocks(page, "python")
    assert "\n## Traps\n" in read(page)


@pytest.mark.parametrize("number", range(3))
def test_examples_for_own_layers_are_complete_and_right(number):
    namespace: dict[str, Any] = {"__name__": "example"}
    printed_by(blocks(DOCS / "verify-your-own-layer.md", "python")[number], namespace)
    assert namespace["report"].ok


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_printed_outputs_are_real(page, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # so that `replay` reads as outside of pytest
    namespace: dict[str, Any] = {"__name__": "example"}
    shown, printed = [], []
    for language, body in BLOCK.findall(read(page)):
        if language == "python":
            output = printed_by(body, namespace)
            printed += [output] if output else []
        else:
            shown.append(body.rstrip())
    assert [ROUNDING.sub("#", text) for text in shown] == [
        ROUNDING.sub("#", text) for text in printed
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_relative_links_lead_somewhere(page):
    targets = [target for target in LINK.findall(read(page)) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_table_of_contents_names_every_page():
    linked = {(DOCS / target).resolve() for target in LINK.findall(read(DOCS / "README.md"))}
    assert {page for page in PAGES if page.name != "README.md"} <= linked


@pytest.mark.parametrize("rule", rules())
def test_every_rule_of_the_protocol_is_explained(rule):
    assert f"\n### `{rule}`\n" in read(DOCS / "how-to-read-a-failure.md")
