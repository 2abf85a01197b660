"""Optimizers, clipping and the schedule against `torch.optim` over many steps, in float64."""

import numpy as np
import pytest
import torch

import tolerances
from capstone.optim import SGD, Adam, AdamW, WarmupCosine, clip_grad_norm
from capstone.parameter import Parameter, pack
from oracle.reference_schedule import make_warmup_cosine

STEPS = 100
SHAPES = [(7, 5), (5,), (150, 230), (3, 4), (11,)]  # the third is longer than an optimizer's block

OPTIMIZERS = {
    "sgd": (
        lambda ours: SGD(ours, lr=0.05),
        lambda theirs: torch.optim.SGD(theirs, lr=0.05),
    ),
    "sgd_momentum": (
        lambda ours: SGD(ours, lr=0.05, momentum=0.9),
        lambda theirs: torch.optim.SGD(theirs, lr=0.05, momentum=0.9),
    ),
    "adam": (
        lambda ours: Adam(ours, lr=0.01, betas=(0.8, 0.95), eps=1e-6),
        lambda theirs: torch.optim.Adam(theirs, lr=0.01, betas=(0.8, 0.95), eps=1e-6),
    ),
    "adamw": (
        lambda ours: AdamW(ours, lr=0.01, betas=(0.9, 0.98), weight_decay=0.3),
        lambda theirs: torch.optim.AdamW(decay_groups(theirs), lr=0.01, betas=(0.9, 0.98)),
    ),
}


def decay_groups(tensors):
    return [
        {"params": [t for t in tensors if t.ndim >= 2], "weight_decay": 0.3},
        {"params": [t for t in tensors if t.ndim < 2], "weight_decay": 0.0},
    ]


def make_pair(*, is_packed=False):
    """The same random values as parameters and as tensors."""
    rng = np.random.default_rng(0)
    ours = [Parameter(rng.standard_normal(shape)) for shape in SHAPES]
    if is_packed:
        pack(ours)
    theirs = [torch.tensor(parameter.data, requires_grad=True) for parameter in ours]
    return ours, theirs


def draw_gradients(rng, ours, theirs):
    """Give both the same gradients, whose scale differs between parameters and steps."""
    for parameter, tensor in zip(ours, theirs, strict=True):
        scale = 10.0 ** rng.uniform(-6, 1)
        parameter.grad[...] = rng.standard_normal(parameter.data.shape) * scale
        tensor.grad = torch.tensor(parameter.grad)


def worst_error(ours, theirs):
    """Over all arrays: the difference relative to PyTorch's, in the 2-norm."""
    pairs = zip(ours, theirs, strict=True)
    return max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs)


@pytest.mark.parametrize("is_packed", [False, True], ids=["separate", "packed"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_takes_the_steps_of_pytorch(name, is_packed):
    ours, theirs = make_pair(is_packed=is_packed)
    make_ours, make_theirs = OPTIMIZERS[name]
    optimizer, reference = make_ours(ours), make_theirs(theirs)
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        draw_gradients(rng, ours, theirs)
        optimizer.step()
        reference.step()
        error = worst_error([p.data for p in ours], [t.detach().numpy() for t in theirs])
        assert error <= tolerances.ORACLE_OPTIMIZER


@pytest.mark.parametrize("share", [0.1, 0.999, 1.001, 10.0])
def test_clipped_gradients_equal_those_of_pytorch(share):
    ours, theirs = make_pair()
    draw_gradients(np.random.default_rng(1), ours, theirs)
    max_norm = share * np.linalg.norm([np.linalg.norm(p.grad) for p in ours])
    clip_grad_norm(ours, max_norm)
    torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    error = worst_error([p.grad for p in ours], [t.grad.numpy() for t in theirs])
    assert error <= tolerances.ORACLE_CLIP


def test_clipping_returns_the_norm_that_pytorch_returns():
    ours, theirs = make_pair()
    draw_gradients(np.random.default_rng(1), ours, theirs)
    norm = clip_grad_norm(ours, 1.0)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 1.0).item()
    assert norm == pytest.approx(expected, rel=tolerances.ORACLE_CLIP, abs=0)


@pytest.mark.parametrize("warmup_steps", [1, 7, 98])
def test_schedule_sets_the_rates_of_pytorch(warmup_steps):
    ours, theirs = make_pair()
    optimizer, reference = SGD(ours), torch.optim.SGD(theirs, lr=0.02)
    options = {"min_lr": 0.003, "warmup_steps": warmup_steps, "total_steps": STEPS}
    schedule = WarmupCosine(optimizer, peak_lr=0.02, **options)
    expected = make_warmup_cosine(reference, **options)
    for _ in range(STEPS):
        (rate,) = expected.get_last_lr()
        assert optimizer.lr == pytest.approx(rate, rel=tolerances.ORACLE_SCHEDULE, abs=0)
        optimizer.step()
        reference.step()
        schedule.step()
        expected.step()
