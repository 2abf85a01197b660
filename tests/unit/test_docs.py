"""The documentation says what the code says: quotes, examples, printed reports, links."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from capstone import layers, ops
from capstone.gradcheck.protocol.rules import RULES
from docs_runner import blocks, printed_by, read, shown_and_printed

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DERIVATIONS = sorted((DOCS / "derivations").glob("*.md"))
PAGES = [*sorted(DOCS.glob("*.md")), *DERIVATIONS]
RUNNABLE = [
    DOCS / name
    for name in (
        "how-strong-is-a-check.md",
        "how-to-read-a-failure.md",
        "how-the-verdict-is-made.md",
        "train-on-several-machines.md",
        "verify-your-own-layer.md",
        "where-it-goes-wrong.md",
    )
]
OPS = [name.removesuffix("_fwd") for name in ops.__all__ if name.endswith("_fwd")]
CLASSES = [*layers.__all__, "TrainableTransformer"]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def code_note(page: Path) -> str:
    """The paragraph at the top of a derivation that says where the code is."""
    notes = [part for part in read(page).split("\n\n") if part.startswith("Code:")]
    return notes[0] if notes else ""


def name_of(called: ast.expr) -> str:
    """The last name of what is called."""
    return getattr(called, "attr", getattr(called, "id", ""))


def reporters(trees: list[ast.Module]) -> set[str]:
    """`Finding`, and every function that takes the name of a rule and hands it on to them."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    takers = [f for f in functions if "rule" in [a.arg for a in f.args.args[:2]]]
    found: set[str] = {"Finding"}
    while True:
        new = {f.name for f in takers if any(is_named_rule(c) for c in calls_of(f, found))}
        if new <= found:
            return found
        found |= new


def calls_of(tree: ast.AST, names: set[str]) -> list[ast.Call]:
    """The calls of any of these functions."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if name_of(call.func) in names]


def rule_of(call: ast.Call) -> ast.expr:
    """The argument that names the rule: the first one, or `rule=`."""
    return call.args[0] if call.args else {k.arg: k.value for k in call.keywords}["rule"]


def is_named_rule(call: ast.Call) -> bool:
    """Is a parameter called `rule` handed on?"""
    return isinstance(rule_of(call), ast.Name) and name_of(rule_of(call)) == "rule"


def rules_in(sources: list[str]) -> list[str]:
    """Every rule under which these sources report a finding; `?` for one that cannot be read.

    A rule is a string, or a variable: `rule` in a function that hands it on, `name` in the loop
    over the table of rules.
    """
    trees = [ast.parse(source) for source in sources]
    names = reporters(trees)
    given = [rule_of(call) for tree in trees for call in calls_of(tree, names)]
    literal = {str(rule.value) for rule in given if isinstance(rule, ast.Constant)}
    others = {ast.unparse(rule) for rule in given if not isinstance(rule, ast.Constant)}
    return sorted(literal | ({"?"} if others - {"rule", "name"} else set()))


def rules() -> list[str]:
    """Every rule of the verifier: those that are written out, and those of the table."""
    sources = [read(path) for path in (ROOT / "src/capstone/gradcheck").rglob("*.py")]
    table = {rule.__name__.removeprefix("check_") for rule in RULES}
    return sorted(table | set(rules_in(sources)))


def test_rules_are_found_in_every_file_of_the_verifier():
    found = {"contract", "frozen", "linearity", "layout", "elsewhere", "ignored", "vacuous"}
    assert found <= set(rules())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Finding('new', words)", ["new"]),
        ("gradcheck.Finding(rule='new', message=words)", ["new"]),
        ("def say(rule): return Finding(rule, words)\nsay('new')", ["new"]),
        ("def say(rule): return Finding(rule, 1)\ndef do(rule): say(rule)\ndo('new')", ["new"]),
        (
            "class Run:\n def say(self, rule): Finding(rule, 1)\n def run(self): self.say('new')",
            ["new"],
        ),
        ("Finding(RULE_NAMES[0], words)", ["?"]),
        ("def refuse(rule): raise Error(rule)\nrefuse('x must be positive')", []),
    ],
)
def test_a_rule_is_found_however_it_is_reported(source, found):
    assert rules_in([source]) == found


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


@pytest.mark.parametrize("number", range(7))
def test_examples_for_own_layers_are_complete_and_right(number):
    namespace: dict[str, Any] = {"__name__": "example"}
    printed_by(blocks(DOCS / "verify-your-own-layer.md", "python")[number], namespace)
    assert namespace["report"].ok


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_printed_outputs_are_real(page, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # so that `replay` reads as outside of pytest
    shown, printed = shown_and_printed(page)
    assert shown == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_relative_links_lead_somewhere(page):
    targets = [target for target in LINK.findall(read(page)) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_table_of_contents_names_every_page():
    linked = {(DOCS / target).resolve() for target in LINK.findall(read(DOCS / "README.md"))}
    assert {page for page in PAGES if page.name != "README.md"} <= linked


@pytest.mark.parametrize("rule", rules())
def test_every_rule_of_the_verifier_is_explained(rule):
    section = read(DOCS / "how-to-read-a-failure.md").partition(f"\n### `{rule}`\n")[2]
    section = re.split(r"\n##", section)[0]
    assert f'show("{rule}", check(' in section
    assert f"\n```text\n{rule}: " in section
    assert "*Cause*: " in section
    assert "*Mend*: " in re.sub(r"\s", " ", section)


def test_every_rule_that_is_explained_exists():
    explained = re.findall(r"^### `(\w+)`$", read(DOCS / "how-to-read-a-failure.md"), re.MULTILINE)
    assert sorted(explained) == rules()


def test_the_readme_has_no_gap_left_to_fill():
    assert "@@" not in read(ROOT / "README.md")
