"""No op and no layer without its page, cases, planted bugs, reference and benchmark."""

import ast
import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest

from capstone import layers, ops
from cases import LAYER_CASES, MODEL_CASES, OP_CASES
from gradcheck.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path for path in (ROOT / "docs" / "derivations").glob("*.md")}
OPS = sorted(name.removesuffix("_fwd") for name in ops.__all__ if name.endswith("_fwd"))
LAYERS = sorted(set(layers.__all__) - {"Layer"})


def keys_of(file, table):
    """The keys of a dictionary of string literals, read without running the file."""
    tree = ast.parse((ROOT / "tests" / "oracle" / file).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == table:
            return {ast.literal_eval(key) for key in node.value.keys}
    return set()


def head_of(page):
    """What a page says before its first section: which code it is about."""
    return PAGES[page].read_text(encoding="utf-8").partition("\n## ")[0]


@pytest.fixture(scope="module")
def sizes():
    """The subjects that the benchmarks time."""
    table = runpy.run_path(str(ROOT / "benchmarks" / "sizes.py"))
    lists = ("OP_SIZES", "LAYER_SIZES", "MODEL_SIZES")
    return {name: {case.subject for case in table[name]} for name in lists}


def test_every_file_of_an_op_is_an_op():
    files = {path.stem for path in Path(ops.__file__).parent.glob("*.py")}
    assert files - {"__init__", "past", "reduce"} == set(OPS)


def test_every_layer_class_is_public():
    folder = Path(layers.__file__).parent
    found = set()
    for path in folder.glob("[a-z]*.py"):
        module = importlib.import_module(f"capstone.layers.{path.stem}")
        classes = inspect.getmembers(module, inspect.isclass)
        found |= {n for n, c in classes if issubclass(c, layers.Layer) and c is not layers.Layer}
    assert found == set(LAYERS)


@pytest.mark.parametrize("op", OPS)
def test_an_op_has_both_passes(op):
    assert {f"{op}_fwd", f"{op}_bwd"} <= set(ops.__all__)


# Words


@pytest.mark.parametrize("op", OPS)
def test_an_op_has_a_page_that_names_both_passes(op):
    text = head_of(op)
    assert f"`src/capstone/ops/{op}.py`" in text
    assert f"`{op}_fwd`" in text
    assert f"`{op}_bwd`" in text


@pytest.mark.parametrize("op", OPS)
def test_an_op_points_to_its_page(op):
    module = importlib.import_module(f"capstone.ops.{op}")
    assert f"docs/derivations/{op}.md" in re.sub(r"\s+", " ", module.__doc__)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_has_a_page_that_is_about_it(layer):
    assert any(re.search(rf"layer\s+`{layer}`", head_of(page)) for page in PAGES)


def test_the_model_has_a_page():
    assert "`TrainableTransformer`" in head_of("model")


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_names_only_files_that_exist(page):
    named = re.findall(r"`(src/capstone/[\w/]+\.py)`", PAGES[page].read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


# Checks


@pytest.mark.parametrize("op", OPS)
def test_an_op_has_cases(op):
    assert any(case.subject == op for case in OP_CASES)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_has_cases(layer):
    assert any(case.subject == layer for case in LAYER_CASES)


def test_no_case_is_of_something_else():
    assert {case.subject for case in OP_CASES} == set(OPS)
    assert {case.subject for case in LAYER_CASES} == set(LAYERS)
    assert {case.subject for case in MODEL_CASES} == {"TrainableTransformer"}


@pytest.mark.parametrize("op", OPS)
def test_an_op_has_planted_bugs(op):
    assert any(mutant.target == f"capstone.ops.{op}:{op}_bwd" for mutant in MUTANTS)


@pytest.mark.parametrize("layer", [*LAYERS, "TrainableTransformer"])
def test_a_layer_has_planted_bugs(layer):
    assert any(mutant.target.endswith(f":{layer}.backward") for mutant in MUTANTS)


def test_every_op_has_a_reference():
    assert keys_of("reference_ops.py", "OPS") == set(OPS)


def test_every_layer_has_a_reference():
    assert keys_of("reference_layers.py", "LAYERS") == set(LAYERS)


def test_the_model_has_a_reference():
    tree = ast.parse((ROOT / "tests/oracle/reference_model.py").read_text(encoding="utf-8"))
    assert any(isinstance(node, ast.ClassDef) for node in tree.body)


# Benchmarks


def test_every_op_is_timed(sizes):
    assert sizes["OP_SIZES"] == set(OPS)


def test_every_layer_is_timed(sizes):
    assert sizes["LAYER_SIZES"] == set(LAYERS)


def test_the_model_is_timed(sizes):
    assert sizes["MODEL_SIZES"] == {"TrainableTransformer"}
