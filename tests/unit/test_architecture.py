"""Who may import whom. The table below is the one of ARCHITECTURE.md; a new module must join it."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import capstone

PACKAGE = Path(capstone.__file__).parent
ROOT = Path(__file__).parents[2]
SOURCES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    "errors": 0,
    "_typing": 0,
    "_checks": 0,
    "_files": 0,
    "memory": 0,
    "ops": 1,
    "generate": 1,  # low, so that the model may use it
    "parameter": 2,
    "layers": 2,
    "loss": 2,
    "model": 3,
    "presets": 3,
    "case": 3,
    "cases": 3,
    "inputs": 0,
    "optim": 4,
    "data": 4,
    "checkpoint": 4,
    "badges": 4,
    "evaluate": 5,
    "config": 5,
    "shards": 5,
    "job": 5,
    "mpi": 5,
    "ranks": 5,
    "run_folder": 5,
    "train": 5,
    "cli": 5,
    "__main__": 5,
    "pytest_plugin": 6,
    "pytest_capsules": 6,
    "pytest_options": 6,
    "pytest_record": 6,
}
VERIFIER = {"gradcheck": {"errors", "_typing"}}  # whole list of what the verifier may import

SIDEWAYS = {
    ("_checks", "errors"),  # the failures that it words
    ("_checks", "_typing"),
    ("layers", "parameter"),  # a layer owns parameters
    ("presets", "model"),  # a preset is a configuration of the model
    ("case", "model"),  # a case may be a small model
    ("cases", "case"),
    ("inputs", "_typing"),
    ("run_folder", "config"),  # a run folder keeps its configuration
    ("ranks", "shards"),
    ("ranks", "job"),
    ("mpi", "job"),
    ("train", "shards"),
    ("evaluate", "shards"),
    ("train", "ranks"),
    ("train", "job"),
    ("train", "config"),
    ("train", "evaluate"),
    ("train", "run_folder"),
    ("train", "cli"),  # `python -m capstone.train` is the command `capstone train`
    ("cli", "config"),
    ("cli", "job"),
    ("cli", "mpi"),
    ("cli", "run_folder"),
    ("cli", "train"),
    ("__main__", "cli"),
    ("pytest_plugin", "pytest_capsules"),
    ("pytest_plugin", "pytest_options"),
    ("pytest_plugin", "pytest_record"),
    ("pytest_options", "pytest_capsules"),
}
# the highest floor that they need
LOW = {"generate": 0, "checkpoint": 2, "optim": 2, "data": 0, "badges": 0}
OPTIONAL = {"matplotlib", "rich", "threadpoolctl", "mpi4py"}  # of the extras


def unit_of(path):
    """The module or package directly below `capstone` that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree):
    """Yield `(dotted module, is it imported on loading)`, types aside."""
    inner = {
        id(node)
        for scope in ast.walk(tree)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(scope)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in inner


def module_of(path):
    """The dotted name under which a source file is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def below_capstone(path):
    """The units that a file imports, its own aside."""
    names = [name.split(".") for name, _ in imports(parse(path))]
    return {name[1] for name in names if name[0] == "capstone"} - {unit_of(path)}


def files(units):
    """Parameters: every source file of these units."""
    chosen = [path for path in SOURCES if unit_of(path) in units]
    return [pytest.param(path, id=str(path.relative_to(PACKAGE))) for path in chosen]


def run_python(code):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_module_has_a_floor():
    assert {unit_of(path) for path in SOURCES} == {*FLOORS, *VERIFIER, "__init__"}


@pytest.mark.parametrize("path", files(FLOORS))
def test_a_module_imports_from_lower_floors_only(path):
    unit = unit_of(path)
    allowed = {other for other, floor in FLOORS.items() if floor < FLOORS[unit]}
    allowed |= {other for one, other in SIDEWAYS if one == unit}
    allowed |= set(VERIFIER) if FLOORS[unit] >= FLOORS["cli"] else set()
    assert below_capstone(path) <= allowed


@pytest.mark.parametrize("path", files(LOW))
def test_a_module_that_is_usable_alone_needs_little(path):
    unit = unit_of(path)
    assert {FLOORS[other] for other in below_capstone(path)} <= set(range(LOW[unit] + 1))


@pytest.mark.parametrize("path", files(VERIFIER))
def test_the_verifier_imports_nothing_that_it_checks(path):
    assert below_capstone(path) <= VERIFIER[unit_of(path)]


def test_every_exception_from_the_floors_is_in_use():
    used = {(unit_of(path), other) for path in SOURCES for other in below_capstone(path)}
    assert used >= SIDEWAYS


@pytest.mark.parametrize("unit", ["ops", "layers", "gradcheck", "optim", "data"])
def test_inside_a_package_imports_go_one_way(unit):
    modules = {module_of(path): path for path in (PACKAGE / unit).rglob("*.py")}
    graph = {}
    for module, path in modules.items():
        names = {name for name, _ in imports(parse(path))}
        # `from package.module import thing` names the thing: the longest module in it is meant
        found = {n if n in modules else n.rpartition(".")[0] for n in names}
        graph[module] = (found & set(modules)) - {module}
    assert list(TopologicalSorter(graph).static_order())  # raises on a cycle


@pytest.mark.parametrize("path", files({*FLOORS, *VERIFIER, "__init__"}))
def test_loading_a_module_needs_the_standard_library_and_numpy_alone(path):
    loaded = {name.split(".")[0] for name, is_loading in imports(parse(path)) if is_loading}
    theirs = {"pytest"} if unit_of(path).startswith("pytest_") else set()
    theirs |= {"hypothesis"} if path.name == "strategies.py" else set()  # nobody else loads it
    assert loaded <= sys.stdlib_module_names | {"capstone", "numpy"} | theirs


@pytest.mark.parametrize("path", files({*FLOORS, *VERIFIER, "__init__"}))
def test_optional_packages_are_imported_where_they_are_used_and_at_the_top_only(path):
    later = {name.split(".")[0] for name, is_loading in imports(parse(path)) if not is_loading}
    foreign = later - sys.stdlib_module_names - {"capstone", "numpy"}
    allowed = OPTIONAL if FLOORS.get(unit_of(path)) == FLOORS["cli"] else set()
    assert foreign <= allowed


def test_torch_is_imported_by_the_oracle_and_by_comparisons_only():
    places = {
        path.relative_to(ROOT).as_posix()
        for folder in ("tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if any(name.split(".")[0] == "torch" for name, _ in imports(parse(path)))
    }
    outside = {place for place in places if not place.startswith("tests/oracle/")}
    assert places - outside
    # the other sides of compare_torch.py and compare_operators.py
    names = ("training_torch", "generation_torch", "operators")
    named = {f"benchmarks/{name}.py" for name in names}
    assert {p for p in outside if not p.startswith("benchmarks/compare_")} == named


def test_using_the_whole_package_loads_no_optional_package():
    code = (
        "import sys, capstone; [getattr(capstone, name) for name in capstone.__all__];"
        "import capstone.gradcheck, capstone.cases, capstone.cli, capstone.train;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    heavy = OPTIONAL | {"torch", "jax", "scipy", "pytest", "hypothesis"}
    loaded = set(run_python(code))
    assert "numpy" in loaded
    assert not loaded & heavy


def test_the_verifier_comes_without_the_transformer():
    code = "import sys, capstone.gradcheck; print(*sys.modules)"
    units = {name.split(".")[1] for name in run_python(code) if name.startswith("capstone.")}
    assert units == {"gradcheck", "errors", "_typing"}


def test_importing_the_package_alone_loads_nothing_of_it():
    code = "import sys, capstone; print(*sys.modules)"
    assert not [name for name in run_python(code) if name.startswith("capstone.")]
