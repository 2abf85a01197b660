"""PyTorch's Functions: right ones, wrong ones, and ones that break the contract."""

import pytest
import torch
from torch.autograd import Function

from capstone.gradcheck import check
from oracle.torch_subjects import Cube, W, X, altered, draw, messages, rules, spoiled


class Waves(Function):
    """Two outputs with a gradient and one without, in the style with `setup_context`."""

    @staticmethod
    def forward(x):
        return x.sin(), x.cos(), x.argmax()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    def backward(ctx, dsin, dcos, _):
        (x,) = ctx.saved_tensors
        return dsin * x.cos() - dcos * x.sin()


@pytest.mark.parametrize("function", [Cube, Cube.apply])
def test_a_right_function_passes(function) -> None:
    report = check(function, X, W, 2.0)
    report.raise_if_wrong()
    assert report.name == "Cube"
    assert [argument.name for argument in report.arguments] == ["x", "w"]
    assert report.method == "complex step"


def test_outputs_count_as_one_flat_array() -> None:
    report = check(Waves, X)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x"]


def test_a_wrong_second_output_is_found() -> None:
    bad = spoiled(lambda ctx, dsin, dcos, _: dsin * ctx.saved_tensors[0].cos(), Waves)
    assert check(bad, X).wrong_arguments == ["x"]


def test_a_wrong_gradient_is_found() -> None:
    assert check(altered(lambda _, dx, dw, n: (dx, dw * (1 + 1e-9), n)), X, W, 2.0).wrong_arguments


def test_a_function_by_vjp_passes_and_a_wrong_one_is_found() -> None:
    names = {"forward": Cube.__dict__["forward"], "vjp": Cube.__dict__["backward"]}
    good = type("ByVjp", (Function,), names)
    check(good, X, W, 2.0).raise_if_wrong()
    bad = type("Bad", (good,), {"vjp": staticmethod(lambda ctx, dy: ())})
    assert rules(check(bad, X, W, 2.0)) == {"contract"}


CONTRACT = {
    "downcast": (
        lambda _, dx, dw, n: (dx.float(), dw, n),
        "d(x) has dtype torch.float32, expected torch.float64",
    ),
    "None": (lambda _, dx, dw, n: (None, dw, n), "d(x) is None or no array, expected shape (3, 5)"),
    "shape": (lambda _, dx, dw, n: (dx[0], dw, n), "d(x) has shape (5,), expected (3, 5)"),
    "shape that is summed": (
        lambda _, dx, dw, n: (dx[None], dw, n),
        "d(x) has shape (1, 3, 5), expected (3, 5)",
    ),
    "too few": (
        lambda _, dx, dw, n: (dx, dw),
        "backward must return one gradient for each of the 3 inputs of apply: expected 3, got 2",
    ),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_what_the_engine_mends_is_judged_before(name: str) -> None:
    change, words = CONTRACT[name]
    report = check(altered(change), X, W, 2.0)
    assert words.replace("torch.", "") in messages(report)
    assert "contract" in rules(report)


def test_none_more_than_there_are_inputs_is_allowed() -> None:
    check(altered(lambda _, dx, dw, n: (dx, dw, n, None)), X, W, 2.0).raise_if_wrong()


def test_an_exception_of_the_backward_pass_is_a_finding() -> None:
    report = check(spoiled(lambda ctx, dy: dy.no), X, W, 2.0)
    assert rules(report) == {"raises"}


def doubles_upstream(ctx, dy):
    grads = Cube.backward(ctx, dy)
    dy.mul_(2)
    return grads


def doubles_input(ctx, dy):
    grads = Cube.backward(ctx, dy)
    ctx.saved_tensors[0].mul_(2)
    return grads


@pytest.mark.parametrize("backward", [doubles_upstream, doubles_input])
def test_writing_in_the_backward_pass_is_found(backward) -> None:
    assert rules(check(spoiled(backward), X, W, 2.0)) == {"frozen"}


def test_writing_to_an_input_in_the_forward_pass_is_found() -> None:
    class Writes(Function):
        @staticmethod
        def forward(ctx, x):
            return x.mul_(2).clone()

        @staticmethod
        def backward(ctx, dy):
            return 2 * dy

    report = check(Writes, X)
    assert messages(report) == ["the forward pass writes to its inputs"]
    assert torch.equal(X, draw(3, 5))


class Exponential(Function):
    """Keeps its output, which is then no input that could be written to."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y.clone()

    @staticmethod
    def backward(ctx, dy):
        return dy * ctx.saved_tensors[0]


def test_writing_to_a_saved_tensor_is_found() -> None:
    check(Exponential, X).raise_if_wrong()

    def backward(ctx, dy):
        return ctx.saved_tensors[0].mul_(dy).clone()

    assert "saved" in rules(check(spoiled(backward, Exponential), X))


def test_a_gradient_in_the_memory_of_a_saved_tensor_is_found() -> None:
    def backward(ctx, dy):
        ctx.buffer = getattr(ctx, "buffer", torch.empty_like(dy))
        return torch.mul(dy, ctx.saved_tensors[0], out=ctx.saved_tensors[0].data)

    assert "memory" in rules(check(spoiled(backward, Exponential), X))


def test_the_upstream_gradient_may_be_the_gradient() -> None:
    class Sum(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, dy):
            return dy, dy

    check(Sum, X, draw(3, 5, seed=2)).raise_if_wrong()


def test_state_kept_outside_the_context_is_found() -> None:
    class Keeps(Function):
        latest = None

        @staticmethod
        def forward(ctx, x):
            Keeps.latest = x
            return x.sin()

        @staticmethod
        def backward(ctx, dy):
            return dy * Keeps.latest.cos()

    assert "interleave" in rules(check(Keeps, X))
