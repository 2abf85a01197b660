"""Things by their place in source code."""

import sys
from pathlib import Path

import numpy as np
import pytest

from capstone import ops
from capstone.errors import UsageError
from capstone.gradcheck.subjects.references import Reference, load_thing, refer_to


def local():
    """A function; those inside of it have no place."""
    return lambda: None


@pytest.mark.parametrize("thing", [ops.rmsnorm_fwd, np.sin, Path.exists])
def test_what_has_a_place_is_found_there(thing):
    reference = refer_to(thing)
    assert load_thing("test", reference.place()) is thing


def test_what_stands_in_a_test_goes_by_its_file():
    reference = refer_to(local)
    assert reference.spec.endswith("test_references.py:local")
    assert load_thing("test", reference.place()) is local


@pytest.mark.parametrize("thing", [local(), 3, np.ones(2), local().__call__])
def test_what_has_no_place_has_no_reference(thing):
    assert refer_to(thing) is None


def test_a_module_and_its_file_are_the_same(gates):
    by_name = load_thing("test", "gates:gate_fwd")
    assert load_thing("test", "gates.py:gate_fwd") is by_name
    assert load_thing("test", str(gates / "gates.py") + ":gate_fwd") is by_name


def test_the_file_serves_where_the_module_is_out_of_reach(gates):
    reference = Reference("elsewhere.gates:gate_fwd", "gates.py:gate_fwd")
    assert reference.place() == "gates.py:gate_fwd"


def test_the_module_serves_where_the_file_is_gone(gates):
    assert Reference("gates:gate_fwd", "old/gates.py:gate_fwd").place() == "gates:gate_fwd"


def test_a_file_in_a_package_may_import_its_neighbours(gates):
    package = gates / "pack" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "one.py").write_text("from .two import f\n")
    (package / "two.py").write_text("def f(): pass\n")
    found = load_thing("test", "pack/inner/one.py:f")
    assert found.__module__ == "pack.inner.two"


def test_a_file_called_like_a_known_module_leaves_that_alone(gates):
    (gates / "json.py").write_text("def f(): pass\n")
    assert load_thing("test", "json.py:f").__module__.startswith("json_of_")
    assert hasattr(sys.modules["json"], "dumps")


def test_a_file_that_fails_is_forgotten(gates):
    (gates / "half.py").write_text("f = 1\nraise RuntimeError('half way')\n")
    for _ in range(2):
        with pytest.raises(UsageError, match="half way"):
            load_thing("test", "half.py:f")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gates", "must name a thing: expected module:name or file.py:name, got 'gates'"),
        (":f", "must name a thing"),
        ("gates:", "must name a thing"),
        ("none.py:f", "the file must exist: expected none.py, got no such file"),
        ("none:f", "none must be loadable: expected Python without errors, got ModuleNotFound"),
        ("a..b:f", "a..b must be loadable"),
        ("gates:f", "gates must have what is asked for: expected a definition of f, got none"),
        ("gates:Scale.f", "expected a definition of Scale.f"),
        ("broken.py:f", "broken.py must be loadable: expected Python without errors, got SyntaxE"),
        ("leaves.py:f", "leaves.py must be loadable: expected Python without errors, got SystemE"),
    ],
)
def test_misuse_is_one_line(gates, spec, message):
    (gates / "broken.py").write_text("def f(:\n")
    (gates / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(UsageError) as caught:
        load_thing("test", spec)
    assert str(caught.value).startswith("test: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
