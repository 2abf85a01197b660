"""What is promised to be there: names, signatures, docstrings."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import capstone
from capstone import layers, loss, model, optim, parameter
from capstone.gradcheck import GradientMismatch, Op, check
from capstone.layers import Layer
from capstone.model import ModelConfig, TrainableTransformer

PACKAGE = Path(capstone.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = [
    info.name
    for info in pkgutil.walk_packages(capstone.__path__, "capstone.")
    if info.name != "capstone.__main__"
]
LISTING = [
    name for name in ["capstone", *MODULES] if hasattr(importlib.import_module(name), "__all__")
]


def isort_key(name):
    """Constants, then classes, then the rest: the order of ruff's RUF022."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def public_definitions(tree):
    """Yield `(dotted name, node)` of the functions, classes and methods that callers may use."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.{name}", n) for name, n in public_definitions(node))


def parameters(function):
    return list(inspect.signature(function).parameters)


def keyword_only(function):
    found = inspect.signature(function).parameters.values()
    return {p.name for p in found if p.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", capstone.__all__)
def test_a_public_name_can_be_imported_from_the_top(name):
    value = getattr(capstone, name)
    assert value.__name__ == name
    assert value.__module__.startswith(f"capstone.{capstone._HOME[name]}")


def test_every_public_name_has_a_home():
    assert set(capstone._HOME) == set(capstone.__all__)


def test_public_names_are_listed_by_dir():
    assert set(capstone.__all__) <= set(dir(capstone))


def test_what_type_checkers_see_is_what_is_there():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    guard = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module.removeprefix("capstone.")
        for node in guard.body
        for alias in node.names
    }
    assert seen == capstone._HOME


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'capstone' has no attribute 'AdamX'$"):
        capstone.AdamX  # noqa: B018 -- asking is the test


@pytest.mark.parametrize("module", LISTING)
def test_a_list_of_names_is_sorted_truthful_and_without_repetition(module):
    names = importlib.import_module(module).__all__
    assert names == sorted(set(names), key=isort_key)
    assert all(hasattr(importlib.import_module(module), name) for name in names)


@pytest.mark.parametrize("package", ["data", "gradcheck", "layers", "ops", "optim"])
def test_a_package_lists_everything_that_it_brings_up(package):
    module = importlib.import_module(f"capstone.{package}")
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == set(module.__all__)


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in SOURCES])
def test_everything_public_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module itself"
    bare = [name for name, node in public_definitions(tree) if not ast.get_docstring(node)]
    assert bare == []


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


# The verifier


def test_the_verifier_offers_what_it_promised():
    names = set(importlib.import_module("capstone.gradcheck").__all__)
    assert names >= {"check", "Op", "Report", "GradientMismatch"}


def test_check_takes_a_subject_and_its_inputs_and_all_else_by_name():
    assert parameters(check)[:2] == ["subject", "inputs"]
    assert {"backward", "wrt", "depth", "method", "upstream", "seed", "name"} <= keyword_only(check)


def test_an_op_is_a_forward_and_a_backward():
    assert parameters(Op)[:2] == ["forward", "backward"]
    assert {"name", "options"} <= set(parameters(Op))


def test_a_failed_check_is_an_assertion_error():
    assert issubclass(GradientMismatch, AssertionError)


# The interface of layers, parameters and the model


LAYERS = sorted(set(layers.__all__) - {"Layer"})


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_forward_backward_and_parameters(name):
    layer = getattr(layers, name)
    assert issubclass(layer, Layer)
    assert len(parameters(layer.forward)) == 2
    assert parameters(layer.backward) == ["self", "grad_output"]
    assert parameters(layer.parameters) == parameters(layer.zero_grad) == ["self"]
    assert parameters(layer.named_parameters) == ["self", "prefix"]
    assert isinstance(layer.cache, property)


def test_a_parameter_is_data_and_a_gradient():
    assert parameters(parameter.Parameter) == ["data", "grad", "name"]
    assert parameters(parameter.Parameter.zero_grad) == ["self"]


def test_the_model_has_its_methods():
    Model = TrainableTransformer
    assert parameters(Model) == ["config", "seed", "dtype"]
    assert keyword_only(Model) == {"seed", "dtype"}
    assert parameters(Model.forward) == ["self", "tokens"]
    assert parameters(Model.backward) == ["self", "grad_logits"]
    for method in (Model.zero_grad, Model.parameters, Model.count_parameters):
        assert parameters(method) == ["self"]


def test_generate_takes_the_prompt_and_all_else_by_name():
    options = {"max_new_tokens", "temperature", "top_k", "top_p", "seed", "stop"}
    assert parameters(TrainableTransformer.generate)[:2] == ["self", "prompt"]
    assert keyword_only(TrainableTransformer.generate) == options


def test_a_config_has_its_fields_in_order():
    assert parameters(ModelConfig) == [
        "vocab_size",
        "seq_len",
        "d_model",
        "n_layers",
        "n_heads",
        "d_ff",
        "positions",
        "tied",
    ]


def test_the_loss_takes_logits_and_targets_and_all_else_by_name():
    assert parameters(loss.cross_entropy_loss)[:2] == ["logits", "targets"]
    assert keyword_only(loss.cross_entropy_loss) == {"ignore_index", "label_smoothing", "z_loss"}
    assert parameters(loss.compute_perplexity) == ["loss"]


def test_clipping_takes_parameters_and_a_norm():
    assert parameters(optim.clip_grad_norm) == ["params", "max_norm", "each"]
    assert keyword_only(optim.clip_grad_norm) == {"each"}


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "WarmupCosine"])
def test_what_moves_parameters_has_a_step(name):
    step = getattr(optim, name).step
    assert {*parameters(step)} - {"each"} == {"self"}
    assert keyword_only(step) <= {"each"}


@pytest.mark.parametrize("module", [model, loss, parameter])
def test_a_module_of_the_model_defines_what_the_top_offers(module):
    unit = module.__name__.rpartition(".")[2]
    offered = {name for name, home in capstone._HOME.items() if home == unit}
    assert offered <= {
        name for name, value in vars(module).items() if inspect.getmodule(value) is module
    }
