"""PyTorch's own kinds of subject: Functions, modules, functions of tensors; good ones and bad."""

import re

import numpy as np
import pytest
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from capstone.errors import UsageError
from capstone.gradcheck import Op, Report, check, lint
from capstone.gradcheck.subjects.torch_library import TorchLibrary


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


X, W = draw(3, 5), draw(5, 7, seed=1)


class Cube(Function):
    """`scale * (x @ w) ** 3`, in the style with a context in both passes."""

    @staticmethod
    def forward(ctx, x, w, scale):
        ctx.save_for_backward(x, w)
        ctx.scale = scale
        return scale * (x @ w) ** 3

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dh = 3 * ctx.scale * (x @ w) ** 2 * dy
        return dh @ w.T, x.T @ dh, None


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


def spoiled(backward, base=Cube):
    """The same Function with another backward pass."""
    return type("Spoiled", (base,), {"backward": staticmethod(backward)})


def altered(change):
    """`Cube` whose gradients are changed before they are returned."""
    return spoiled(lambda ctx, dy: change(ctx, *Cube.backward(ctx, dy)))


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def messages(report: Report) -> list[str]:
    return [finding.message for finding in report.findings]


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


# Functions of tensors


def test_a_function_of_tensors_passes() -> None:
    report = check(lambda x, w: torch.softmax(x @ w, dim=-1), X, W)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "w"]


def test_a_detached_path_is_found() -> None:
    report = check(lambda x, w: (x * x.detach()) @ w, X, W)
    assert report.wrong_arguments == ["x"]


def test_an_output_that_is_cut_off_is_found() -> None:
    assert check(lambda x: x.detach() ** 2, X).wrong_arguments == ["x"]


def test_an_argument_that_does_not_matter_has_a_gradient_of_zero() -> None:
    check(lambda x, w: x**2, X, W).raise_if_wrong()


def test_tensors_that_ask_for_a_gradient_are_those_compared() -> None:
    report = check(lambda x, w: x @ w, X.clone().requires_grad_(), W)
    assert [argument.name for argument in report.arguments] == ["x"]


def test_integers_are_passed_along() -> None:
    ids = torch.tensor([3, 0, 3])
    report = check(torch.nn.functional.embedding, ids, W)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["weight"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_low_precision_passes_and_a_wrong_factor_is_found(dtype: torch.dtype) -> None:
    x, w = (X / 4).to(dtype), W.to(dtype)  # float16 ends at 65504
    check(Cube, x, w, 0.5).raise_if_wrong()
    bad = altered(lambda _, dx, dw, n: (dx, 2 * dw, n))
    assert check(bad, x, w, 0.5).wrong_arguments == ["w"]


def test_a_wider_gradient_than_bfloat16_breaks_the_contract() -> None:
    bad = altered(lambda _, dx, dw, n: (dx, dw.float(), n))
    report = check(bad, X.bfloat16(), W.bfloat16(), 0.5)
    assert messages(report) == ["d(w) has dtype torch.float32, expected torch.bfloat16"]


def test_an_output_that_is_no_tensor_is_refused() -> None:
    words = "must return one floating-point array: expected an array, got str"
    with pytest.raises(UsageError, match=words):
        check(lambda x: "words", X)


def test_a_sparse_tensor_is_refused() -> None:
    words = "check: tensors must be dense: expected strided, got torch.sparse_coo; use .to_dense()"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(lambda x: x.to_dense(), X.to_sparse())


def test_a_sparse_output_is_refused() -> None:
    words = "must return one floating-point array: expected an array, got Tensor"
    with pytest.raises(UsageError, match=words):
        check(lambda x: x.to_sparse(), X)


def test_a_complex_tensor_is_refused() -> None:
    with pytest.raises(UsageError, match="check: x must be a numeric array: expected real"):
        check(lambda x: x.real, X * 1j)


def test_arrays_instead_of_tensors_are_refused() -> None:
    words = "check: Cube of PyTorch must be given tensors: expected torch.tensor(...), got ndarray"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(Cube, X.numpy(), W.numpy(), 2.0)


# Pairs of functions of tensors


def test_a_pair_of_functions_of_tensors_passes_and_a_wrong_one_is_found() -> None:
    def forward(x, w):
        return x @ w, (x, w)

    good = Op(forward, lambda dy, s: (dy @ s[1].T, s[0].T @ dy))
    check(good, X, W).raise_if_wrong()
    bad = Op(forward, lambda dy, s: (dy @ s[1].T, s[0].T @ dy.abs()))
    assert check(bad, X, W).wrong_arguments == ["w"]


def test_a_pair_that_writes_to_what_it_saved_is_found() -> None:
    bad = Op(lambda x: (x.exp(), x.exp()), lambda dy, y: y.mul_(dy).clone())
    assert "saved" in rules(check(bad, X))


# Modules


def network(*, dropout: float = 0.0) -> torch.nn.Module:
    torch.manual_seed(0)
    parts = [
        torch.nn.Linear(5, 7),
        torch.nn.BatchNorm1d(7),
        torch.nn.Dropout(dropout),
        torch.nn.Tanh(),
        torch.nn.Linear(7, 3),
    ]
    return torch.nn.Sequential(*parts).double()


def test_a_module_passes_and_stays_as_it_was() -> None:
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    report = check(module, X)
    report.raise_if_wrong()
    names = [argument.name for argument in report.arguments]
    assert names[:3] == ["input", "0.weight", "0.bias"]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_module_in_single_precision_passes() -> None:
    check(network().float(), X.float()).raise_if_wrong()


def test_a_module_with_a_detached_path_is_found() -> None:
    class Cut(torch.nn.Linear):
        def forward(self, input):
            return super().forward(input) * self.bias.detach()

    assert check(Cut(5, 7).double(), X).wrong_arguments == ["bias"]


def test_a_frozen_parameter_is_not_compared() -> None:
    module = torch.nn.Linear(5, 7).double()
    module.bias.requires_grad_(False)
    names = [argument.name for argument in check(module, X).arguments]
    assert names == ["input", "weight"]


def test_a_shared_parameter_counts_once() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Tanh(), torch.nn.Linear(5, 5))
    module[2].weight = module[0].weight
    report = check(module.double(), X)
    report.raise_if_wrong()
    names = [argument.name for argument in report.arguments]
    assert names == ["input", "0.weight", "0.bias", "2.bias"]


def test_dropout_in_training_is_refused_and_random_numbers_stay_as_they_were() -> None:
    words = (
        "check: forward of Sequential must not be random: expected the same output each time, got "
        "random numbers drawn by 2 (p=0.5); call .eval(), or set p to 0"
    )
    module = network(dropout=0.5)
    before = torch.get_rng_state()
    with pytest.raises(UsageError, match=re.escape(words)):
        check(module, X)
    assert torch.equal(torch.get_rng_state(), before)
    check(module.eval(), X).raise_if_wrong()


def test_noise_is_refused() -> None:
    class Noisy(torch.nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x)

    words = "got random numbers drawn by the forward pass; set the seed in it"
    for subject in (Noisy(), lambda x: x + torch.randn_like(x)):
        with pytest.raises(UsageError, match=words):
            check(subject, X)


def test_a_forward_pass_with_a_seed_of_its_own_passes() -> None:
    def seeded(x: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return x * noise

    check(seeded, X).raise_if_wrong()


# Second order


@pytest.mark.parametrize("subject", [Cube.apply, lambda x, w, n: torch.tanh(x @ w)])
def test_a_backward_pass_that_can_be_differentiated_passes(subject) -> None:
    report = check(subject, X, W, 2.0, order=2)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["dy", "x", "w"]


def test_a_value_that_autograd_does_not_see_is_found() -> None:
    class Hidden(Cube):
        @staticmethod
        def forward(ctx, x, w, scale):
            ctx.square = (x @ w) ** 2  # kept past autograd: constant for the second backward pass
            return Cube.forward(ctx, x, w, scale)

        @staticmethod
        def backward(ctx, dy):
            x, w = ctx.saved_tensors
            dh = 3 * ctx.scale * ctx.square * dy
            return dh @ w.T, x.T @ dh, None

    check(Hidden, X, W, 2.0).raise_if_wrong()
    assert check(Hidden, X, W, 2.0, order=2).wrong_arguments == ["x", "w"]


def test_what_is_differentiable_once_is_refused_twice() -> None:
    once = spoiled(once_differentiable(Cube.backward))
    check(once, X, W, 2.0).raise_if_wrong()
    words = (
        "check: order=2 needs a backward pass of Spoiled that can be differentiated: expected one "
        "that autograd can run backward, got one that is @once_differentiable"
    )
    with pytest.raises(UsageError, match=re.escape(words)):
        check(once, X, W, 2.0, order=2)


# Tensors from arrays and back


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0).reshape(2, 6)[:, ::2],
        np.arange(6.0)[::-1],
        np.float32(1.5) * np.ones(()),
        np.zeros((0, 3)),
        np.arange(3),
        np.ones(2) * 1j,
    ],
)
def test_a_tensor_has_the_values_and_the_layout_of_its_array(array) -> None:
    library = TorchLibrary()
    tensor = library.place(array, library.spot(X))
    assert np.array_equal(library.host(tensor), array)
    assert library.host(tensor).dtype == array.dtype
    if array.size and min(array.strides, default=1) > 0:
        assert tensor.stride() == tuple(stride // array.itemsize for stride in array.strides)
    assert not np.shares_memory(library.host(tensor), array)


# Several points at once


def test_a_function_is_mapped_over_points_whatever_axes_it_addresses() -> None:
    report = check(lambda x: (x - x.mean(0)).abs().sum(0), draw(40, 5))
    report.raise_if_wrong()
    assert report.forwards < 400  # one by one, the ladder would take thousands


def test_a_function_that_cannot_be_mapped_passes_all_the_same() -> None:
    def scaled(x: torch.Tensor) -> torch.Tensor:
        return x * x.detach().abs().max().clamp(max=1e-3).item()

    check(scaled, X).raise_if_wrong()


# What inputs hide


def test_lint_looks_at_tensors() -> None:
    ones, zeros = torch.ones(5, requires_grad=True), torch.zeros(7, dtype=torch.bfloat16)
    assert [hint.partition(";")[0] for hint in lint(X, ones, zeros, names=["x", "g", "b"])] == [
        "b: 0 throughout",
        "g: 1 throughout",
    ]


def test_parameters_of_a_module_that_hide_something_are_named() -> None:
    report = check(torch.nn.LayerNorm(5, dtype=torch.float64), X)
    report.raise_if_wrong()
    hints = [warning.partition(":")[0] for warning in report.warnings]
    assert hints == ["no complex step", "bias", "weight"]
