"""Fifty training steps in NumPy and in PyTorch: one curve, not two similar ones."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

import tolerances
from capstone.model import ModelConfig, TrainableTransformer
from capstone.optim import AdamW, WarmupCosine
from oracle.reference_layers import counterparts, load
from oracle.reference_model import Transformer, language_loss
from oracle.reference_schedule import make_warmup_cosine
from training_step import take_step

STEPS, BATCH, TIME = 50, 4, 16
PEAK_LR, WEIGHT_DECAY, MAX_NORM = 3e-3, 0.1, 1.0
SCHEDULE = {"min_lr": 3e-4, "warmup_steps": 5, "total_steps": STEPS}
SIZES = {"vocab_size": 23, "seq_len": TIME, "d_model": 24, "n_layers": 2, "n_heads": 3}
MODELS = {
    "tied_rope": {"tied": True, "positions": "rope"},
    "untied_none": {"tied": False, "positions": "none"},
}


class Trajectory(NamedTuple):
    """What a training run leaves behind."""

    losses: list[float]
    norms: list[float]  # of the gradients, before clipping
    parameters: dict[str, np.ndarray]


def make_batches(vocab_size):
    """Windows of a text in which each token but for a few is determined by the one before."""
    rng = np.random.default_rng(0)
    text = np.arange(2000) ** 2 % vocab_size  # (N,)
    text[rng.random(text.size) < 0.1] = 0
    for _ in range(STEPS):
        starts = rng.integers(0, text.size - TIME - 1, BATCH)
        windows = text[starts[:, None] + np.arange(TIME + 1)]  # (B, T + 1)
        yield windows[:, :-1], windows[:, 1:]


def train_in_numpy(model):
    optimizer = AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = WarmupCosine(optimizer, peak_lr=PEAK_LR, **SCHEDULE)
    losses, norms = [], []
    for tokens, targets in make_batches(model.config.vocab_size):
        loss, norm = take_step(model, optimizer, tokens, targets, max_norm=MAX_NORM)
        schedule.step()
        losses.append(loss)
        norms.append(norm)
    return Trajectory(losses, norms, {name: p.data for name, p in model.named_parameters()})


def train_in_pytorch(module, vocab_size):
    weights = list(module.parameters())
    matrices, gains = ([w for w in weights if (w.ndim >= 2) is is_2d] for is_2d in (True, False))
    groups = [{"params": matrices}, {"params": gains, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_LR, weight_decay=WEIGHT_DECAY)
    schedule = make_warmup_cosine(optimizer, **SCHEDULE)
    losses, norms = [], []
    for tokens, targets in make_batches(vocab_size):
        optimizer.zero_grad()
        loss = language_loss(module(torch.tensor(tokens)), torch.tensor(targets))
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(weights, MAX_NORM).item())
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    named = {
        name: (weight.T if is_transposed else weight).detach().numpy()
        for name, weight, is_transposed in counterparts(module)
    }
    return Trajectory(losses, norms, named)


@pytest.fixture(scope="module", params=MODELS)
def trajectories(request):
    """`(ours, PyTorch's)`, from the same initial values."""
    config = ModelConfig(**SIZES, **MODELS[request.param])
    model = TrainableTransformer(config, seed=1, dtype=np.float64)
    module = Transformer(config)
    load(module, model)
    return train_in_numpy(model), train_in_pytorch(module, config.vocab_size)


def test_every_loss_equals_that_of_pytorch(trajectories):
    ours, theirs = trajectories
    assert ours.losses == pytest.approx(theirs.losses, rel=tolerances.ORACLE_TRAJECTORY, abs=0)


def test_every_gradient_norm_equals_that_of_pytorch(trajectories):
    ours, theirs = trajectories
    assert ours.norms == pytest.approx(theirs.norms, rel=tolerances.ORACLE_TRAJECTORY, abs=0)


def test_final_parameters_equal_those_of_pytorch(trajectories):
    ours, theirs = trajectories
    assert ours.parameters.keys() == theirs.parameters.keys()
    for name, expected in theirs.parameters.items():
        difference = np.linalg.norm(ours.parameters[name] - expected)
        assert difference <= tolerances.ORACLE_TRAJECTORY * np.linalg.norm(expected), name


def test_compared_runs_learn_and_clip(trajectories):
    """Otherwise equal curves would say little."""
    ours, _ = trajectories
    assert ours.losses[-1] < tolerances.LEARNED * ours.losses[0]
    assert min(ours.norms) < MAX_NORM < max(ours.norms)
