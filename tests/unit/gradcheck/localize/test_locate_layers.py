"""The first layer to be wrong is named, with its path."""

import copy

import numpy as np
import pytest

from capstone.gradcheck import Names, Report, check
from cases import CASES
from unit.gradcheck.localize.chains import Chain, Sine
from unit.gradcheck.samples import Affine, check_sin, draw

CASE = next(case for case in CASES if case.subject == "TrainableTransformer")


def altered(layer, change):
    """The same layer, whose backward pass alone is changed: `change(layer, dy, own)`."""
    kind = type(layer)

    def backward(self, dy):
        return change(self, dy, lambda upstream: kind.backward(self, upstream))

    layer.__class__ = type(kind.__name__, (kind,), {"backward": backward})


def scaled(name):
    """Doubles what is added to the gradient of a parameter."""

    def change(layer, dy, own):
        parameter = getattr(layer, name)
        before = parameter.grad.copy()
        dx = own(dy)
        parameter.grad += parameter.grad - before
        return dx

    return change


def doubled(layer, dy, own):
    return 2 * own(dy)


def lost_residual(block, dy, own):
    """The block's own backward pass without the way around the feed-forward network."""
    dh = block.feed_forward_norm.backward(block.feed_forward.backward(dy))
    return dh + block.attention_norm.backward(block.attention.backward(dh))


BUGS = {
    "blocks.1.attention": (lambda m: m.blocks[1].attention, scaled("wo"), "d(wo) wrong"),
    "blocks.0.feed_forward_norm": (
        lambda m: m.blocks[0].feed_forward_norm,
        doubled,
        "d(x) wrong",
    ),
    "norm": (lambda m: m.norm, scaled("gain"), "d(gain) wrong"),
    "head": (lambda m: m.head, doubled, "d(x) wrong"),
    "embedding": (lambda m: m.embedding, scaled("weight"), "d(weight) wrong"),
}


def located(report: Report) -> str:
    assert not report.ok
    (words,) = report.located
    return words


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("path", BUGS)
def test_a_wrong_layer_of_the_model_is_named(path: str, recompute: bool) -> None:
    part_of, change, words = BUGS[path]
    model = CASE.layer()
    model.recompute = recompute
    altered(part_of(model), change)
    rest = "first of 13 layers in backward order, the others are right"
    assert located(check(model, *CASE.inputs())) == f"layers: {path}: {words}; {rest}"


def test_a_forward_pass_that_backward_runs_again_is_not_one_without_a_backward() -> None:
    model = CASE.layer()
    model.recompute = True
    altered(model.blocks[1], doubled)
    rule = "blocks.1: d(x) wrong, by its own lines; all of its parts are right"
    words = located(check(model, *CASE.inputs(), wrt="embedding.weight"))
    assert words == f"layers: {rule}"


def test_a_lost_residual_is_the_fault_of_the_block() -> None:
    model = CASE.layer()
    altered(model.blocks[1], lost_residual)
    words = located(check(model, *CASE.inputs(), wrt="embedding.weight"))
    assert words.startswith("layers: blocks.1: d(x), ")
    assert words.endswith(" wrong, by its own lines; all of its parts are right")


def test_a_model_whose_parts_are_right_is_at_fault_itself() -> None:
    model = CASE.layer()
    altered(model, lambda model, dy, own: own(2 * dy))
    own = "the own lines of TrainableTransformer: all 13 layers inside are right"
    assert located(check(model, *CASE.inputs())) == f"layers: {own}"


def test_a_backward_pass_that_is_never_called_is_named() -> None:
    class Forgetful(Chain):
        def backward(self, dy):
            return self.layers[1].backward(dy)

    own = "the own lines of Forgetful: the one layer inside is right"
    words = f"layers: {own}; layers.0.backward is never called"
    assert located(check(Forgetful(Sine(), Sine()), draw(3))) == words


def test_the_same_fault_in_several_layers_is_told() -> None:
    class Bad(Sine):
        def backward(self, dy):
            return -super().backward(dy)

    words = located(check(Chain(Bad(), Sine(), Bad(), Bad()), draw(3)))
    assert words == (
        "layers: layers.3: d(x) wrong; first of 4 layers in backward order, "
        "wrong too: layers.2, layers.0"
    )


def test_a_part_that_breaks_a_rule_is_named() -> None:
    class Overwriting(Affine):
        def add(self, parameter, gradient):
            parameter.grad = gradient

    class Model(Chain):
        def parameters(self):
            return self.layers[1].parameters()

    words = located(check(Model(Sine(), Overwriting(), Sine()), draw(2, 5, 3)))
    assert words.startswith("layers: layers.1: breaks the rule accumulate; first of 3 layers")


def test_a_part_may_break_a_rule_that_the_whole_keeps() -> None:
    class Identity(Sine):
        def forward(self, x):
            return x * 1

        def backward(self, dy):
            return dy  # shares memory with its upstream gradient

    class Bad(Sine):
        def backward(self, dy):
            return 2 * super().backward(dy)

    words = located(check(Chain(Bad(), Identity(), Sine()), draw(3)))
    assert words.startswith("layers: layers.0: d(x) wrong; first of 3 layers")


def test_a_part_that_raises_is_named() -> None:
    class Bad(Sine):
        def backward(self, dy):
            raise ValueError("no such axis")

    words = located(check(Chain(Sine(), Bad(), Sine()), draw(3)))
    assert words.startswith("layers: layers.1: backward raises ValueError: no such axis; first of")


def test_layers_with_other_names_are_walked_too() -> None:
    class Square:
        def fprop(self, x):
            self.x = x
            return x**2

        def bprop(self, dy):
            return dy * self.x

    class Net:
        def __init__(self):
            self.steps = {"square": Square(), "again": Square()}

        def fprop(self, x):
            return self.steps["again"].fprop(self.steps["square"].fprop(x))

        def bprop(self, dy):
            return self.steps["square"].bprop(self.steps["again"].bprop(dy))

    words = located(check(Net(), draw(3), names=Names("fprop", "bprop")))
    assert words.startswith("layers: steps.again: d(x) wrong")


def test_a_part_that_cannot_be_checked_alone_is_not_called_right() -> None:
    class Optional(Sine):
        def forward(self, x, *, scale):
            self.scale = scale
            return super().forward(x) * scale

        def backward(self, dy):
            return super().backward(dy) * self.scale

    class Whole(Chain):
        def forward(self, x):
            return self.layers[1].forward(self.layers[0].forward(x), scale=2.0)

        def backward(self, dy):
            return super().backward(3 * dy)

    words = located(check(Whole(Sine(), Optional()), draw(3)))
    own = "the own lines of Whole: the one layer inside is right (1 could not be checked alone)"
    assert words == f"layers: {own}"


def test_a_layer_without_parts_says_nothing_of_layers() -> None:
    class Bad(Sine):
        def backward(self, dy):
            return 2 * super().backward(dy)

    assert check(Bad(), draw(3)).located == []
    assert check_sin(backward=lambda dy, x: dy).located == []


class Uncopyable(Chain):
    def __deepcopy__(self, memo):
        raise TypeError("a lock")


@pytest.mark.parametrize("kind", [Chain, Uncopyable])
def test_the_callers_layer_is_left_alone(kind) -> None:
    class Bad(Affine):
        def backward(self, dy):
            return 2 * super().backward(dy)

    bad = Bad()
    model = kind(bad)
    model.parameters = bad.parameters
    held = bad.w.data, bad.w.grad
    before = copy.deepcopy(held)
    assert located(check(model, draw(2, 3))).startswith("layers: layers.0: d(x) wrong")
    assert type(bad) is Bad
    assert bad.w.data is held[0]
    assert bad.w.grad is held[1]
    np.testing.assert_equal(held, before)


def test_the_report_says_it_on_two_lines_at_most() -> None:
    model = CASE.layer()
    altered(model.blocks[1].attention, scaled("wo"))
    lines = str(check(model, *CASE.inputs())).splitlines()
    assert len(lines) <= 25
    (first,) = [line for line in lines if line.startswith("  layers  ")]
    assert first.startswith(
        "  layers       blocks.1.attention: d(wo) wrong; first of 13 layers in "
    )
