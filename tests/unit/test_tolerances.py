"""No tolerance stands anywhere but in the one table."""

import ast
import re
from pathlib import Path

import pytest

import tolerances

TESTS = Path(__file__).parents[1]
TABLE = Path(tolerances.__file__)
FILES = sorted(path for path in TESTS.rglob("*.py") if path != TABLE)
KEYWORDS = {"rtol", "atol", "rel", "abs"}
SMALL = 0.01  # a float below it, in a comparison, is a tolerance
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def is_number(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def terms(node):
    """The parts of a sum or a product, or the node itself; calls are not opened."""
    if isinstance(node, ast.BinOp):
        yield from terms(node.left)
        yield from terms(node.right)
    else:
        yield node


def loose(source):
    """Every literal of a source that is a tolerance; 0 asks for equality and is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg in KEYWORDS:
            yield from (t.value for t in terms(node.value) if is_number(t) and t.value != 0)
        if isinstance(node, ast.Compare) and any(isinstance(op, ORDER) for op in node.ops):
            sides = [term for side in (node.left, *node.comparators) for term in terms(side)]
            floats = [t.value for t in sides if is_number(t) and isinstance(t.value, float)]
            yield from (value for value in floats if 0 < value < SMALL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_tolerance_stands_in_the_table_only(path):
    assert list(loose(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("allclose(a, b, rtol=1e-5, atol=0)", [1e-5]),
        ("approx(a, rel=2 * 1e-5, abs=1)", [2, 1e-5, 1]),
        ("a <= 1e-12", [1e-12]),
        ("1e-3 > a", [1e-3]),
        ("0 < a < 1e-12 * b", [1e-12]),
        ("a == 1e-12", []),
        ("0.5 < a <= 0.02", []),
        ("a <= tolerances.LOSS", []),
        ("near(a, b, 1e-9)", []),
    ],
)
def test_a_tolerance_is_found_wherever_it_compares(source, found):
    assert list(loose(source)) == found


def test_every_tolerance_has_its_reason():
    lines = TABLE.read_text(encoding="utf-8").partition('"""\n\n')[2].splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Z0-9_]+ = \S+  # .+", line)] == []


def test_every_tolerance_is_in_use():
    code = "".join(path.read_text(encoding="utf-8") for path in FILES)
    names = [name for name in vars(tolerances) if name.isupper()]
    assert [name for name in names if f"tolerances.{name}" not in code] == []
