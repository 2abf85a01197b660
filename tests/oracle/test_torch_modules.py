"""Modules of PyTorch, and backward passes that are differentiated themselves."""

import re

import pytest
import torch
from torch.autograd.function import once_differentiable

from capstone.errors import UsageError
from capstone.gradcheck import check
from oracle.torch_subjects import Cube, W, X, spoiled


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


def test_parameters_of_a_module_that_hide_something_are_named() -> None:
    report = check(torch.nn.LayerNorm(5, dtype=torch.float64), X)
    report.raise_if_wrong()
    hints = [warning.partition(":")[0] for warning in report.warnings]
    assert hints == ["no complex step", "bias", "weight"]


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
