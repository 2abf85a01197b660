"""A check in one file, and the same check again."""

import importlib

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Names, Op, load_capsule, save_capsule
from capstone.gradcheck.capsules import capsule
from capstone.gradcheck.capsules.recipe import named
from unit.gradcheck.samples import Affine, draw, product_bwd, product_fwd, sin_bwd


def doubled_bwd(dy, saved):
    da, db = product_bwd(dy, saved)
    return 2 * da, db


def power_fwd(x, power=1):
    return x**power, (x, power)


def power_bwd(dy, saved):
    x, power = saved
    return dy * power * x  # right for a power of 2


WRONG = Op(product_fwd, doubled_bwd)
LOCAL = Op(lambda x: (np.sin(x), x), lambda dy, x: 2 * sin_bwd(dy, x))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wrong.npz"


def words(report):
    """What a report says, but for how to repeat it."""
    return str(report).partition("  replay")[0]


def test_a_capsule_fails_as_the_check_did(path):
    saved = save_capsule(path, WRONG, draw(3, 4), draw(3, 4, seed=1), seed=7)
    report = load_capsule(path).replay()
    assert report.seed == 7
    assert words(report) == saved.report.partition("  replay")[0]
    assert f"replay       capstone gradcheck --replay {path}" in str(report)


def test_it_comes_back_as_it_went(path):
    inputs = draw(3, 4), draw(3, 4, seed=1)
    saved = save_capsule(path, WRONG, *inputs, found={"test": "test_it"})
    loaded = load_capsule(path)
    assert (loaded.recipe, loaded.report) == (saved.recipe, saved.report)
    assert (loaded.options, loaded.found) == (saved.options, {"test": "test_it"})
    assert loaded.names == ("a", "b")
    for back, given in zip(loaded.restored_inputs(), inputs, strict=True):
        assert np.array_equal(back, given)


def test_the_options_are_kept(path):
    upstream = draw(3, 4, seed=5)
    given = {"wrt": ("a",), "method": "ladder", "depth": "projection", "upstream": upstream}
    save_capsule(path, WRONG, draw(3, 4), draw(3, 4, seed=1), name="mine", **given)
    report = load_capsule(path).replay()
    assert [argument.name for argument in report.arguments] == ["a"]
    assert (report.method, report.depth, report.name) == (
        "noise-limited ladder",
        "projection",
        "mine",
    )
    assert np.array_equal(load_capsule(path).check_options()["upstream"], upstream)


def test_options_of_an_op_are_kept(path):
    save_capsule(path, Op(power_fwd, power_bwd, options={"power": 2}), draw(3))
    assert load_capsule(path).replay().ok
    save_capsule(path, Op(power_fwd, power_bwd, options={"power": 3}), draw(3))
    assert not load_capsule(path).replay().ok


def test_a_function_with_its_gradient_is_found(gates, path):
    module = importlib.import_module("gates")
    save_capsule(path, module.square, draw(3), backward=module.square_backward)
    assert load_capsule(path).replay().wrong_arguments == ["x"]


def test_a_change_of_the_source_shows(gates, path, monkeypatch):
    module = importlib.import_module("gates")
    save_capsule(path, module.square, draw(3), backward=module.square_backward)
    monkeypatch.setattr(module, "square_backward", lambda dy, x: 2 * dy * x)
    assert load_capsule(path).replay().ok


def test_a_layer_gets_its_parameters_back(gates, path):
    layer = importlib.import_module("gates").Scale()  # its weights differ each time
    save_capsule(path, layer, draw(3, 5))
    loaded = load_capsule(path)
    made, _ = loaded.subject()
    assert np.array_equal(made.w.data, layer.w.data)
    assert loaded.replay().wrong_arguments == ["w"]


@pytest.mark.parametrize("make", ["Sized(5)", "Scale(factor=1.0)"])
def test_a_layer_that_its_class_alone_does_not_give_must_be_given(gates, path, make):
    layer = eval(make, vars(importlib.import_module("gates")))
    saved = save_capsule(path, layer, draw(3, 5))
    loaded = load_capsule(path)
    with pytest.raises(UsageError, match="replay: the subject must be given"):
        loaded.replay()
    assert words(loaded.replay(layer)) == saved.report.partition("  replay")[0]


def test_names_of_the_parts_of_a_layer_are_kept(path):
    names = Names(parameters=("w", "b"), grad="d{}", accumulates=False)
    layer = Written()
    save_capsule(path, layer, draw(2, 3), names=names)
    loaded = load_capsule(path)
    assert loaded.check_options()["names"] == names
    assert loaded.replay().wrong_arguments == ["b"]


class Written:
    """A layer that writes gradients as attributes, one of them wrong."""

    def __init__(self):
        self.w, self.b = draw(3, 4), draw(4)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dy):
        self.dw, self.db = self.x.T @ dy, dy.mean(axis=0)
        return dy @ self.w.T


def test_what_has_no_place_must_be_given(path):
    save_capsule(path, LOCAL, draw(3))
    loaded = load_capsule(path)
    assert loaded.command.startswith("capstone gradcheck MODULE:SUBJECT --replay ")
    with pytest.raises(UsageError, match="replay: the subject must be given, as it stands in no"):
        loaded.replay()
    assert loaded.replay(LOCAL).wrong_arguments == ["x"]


def test_a_subject_may_be_named_by_the_caller(gates, path):
    made = importlib.import_module("gates").make_scale()
    save_capsule(path, made, draw(3, 5), recipe=named("gates:make_scale"))
    assert load_capsule(path).replay().wrong_arguments == ["w"]


def test_a_subject_that_is_gone_is_misuse(gates, path, monkeypatch):
    module = importlib.import_module("gates")
    save_capsule(path, module.square, draw(3), backward=module.square_backward)
    monkeypatch.delattr(module, "square")
    with pytest.raises(UsageError, match="replay: gates must have what is asked for: expected a d"):
        load_capsule(path).replay()


def test_a_layer_with_other_parameters_is_misuse(gates, path, monkeypatch):
    module = importlib.import_module("gates")
    save_capsule(path, module.Scale(), draw(3, 5))
    monkeypatch.setattr(module.Scale, "named_parameters", lambda self: [])
    with pytest.raises(UsageError, match="Scale must have the parameters that are put into it"):
        load_capsule(path).replay()


def test_a_right_gradient_can_be_kept_too(path):
    save_capsule(path, Op(product_fwd, product_bwd), draw(3), draw(3))
    assert load_capsule(path).replay().ok


def test_parameters_of_one_name_are_told_apart(path):
    class Twins(Affine):
        def parameters(self):
            self.b.name = "w"
            return super().parameters()

    save_capsule(path, Twins(), draw(2, 3))
    assert set(load_capsule(path).parameters) == {"w#0", "w#1"}


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ((draw(3), draw(3)), {"wrt": lambda: 0}, "check: wrt must name differentiable arguments"),
        ((draw(3), draw(3)), {"depth": "deep"}, "check: unknown depth"),
        ((draw(3), object()), {}, "check: b must be a numeric array"),
    ],
)
def test_misuse_is_one_line_and_no_file(path, inputs, options, message):
    with pytest.raises(UsageError, match=message):
        save_capsule(path, WRONG, *inputs, **options)
    assert not path.exists()


@pytest.mark.parametrize("key", ["recipe", "inputs", "upstream", "options", "parameters", "names"])
def test_a_capsule_that_lacks_a_part_is_damaged(path, key, monkeypatch):
    original = capsule.read_archive

    def without(path):
        arrays, plain = original(path)
        return arrays, {name: part for name, part in plain.items() if name != key}

    save_capsule(path, WRONG, draw(3), draw(3))
    monkeypatch.setattr(capsule, "read_archive", without)
    with pytest.raises(
        UsageError, match=f"load_capsule: the capsule is damaged: .* KeyError: '{key}"
    ):
        load_capsule(path)


def test_an_option_that_is_unknown_here_is_damage(path, monkeypatch):
    original = capsule.read_archive

    def with_option(path):
        arrays, plain = original(path)
        return arrays, {**plain, "options": {**plain["options"], "magic": 1}}

    save_capsule(path, WRONG, draw(3), draw(3))
    monkeypatch.setattr(capsule, "read_archive", with_option)
    with pytest.raises(UsageError, match=r"the capsule is damaged: .* unknown options magic"):
        load_capsule(path)
