"""The training step of `training.py` in eager PyTorch; needs `tests` on the path."""

from collections.abc import Callable

import torch
from training import LEARNING_RATE, MAX_NORM, WEIGHT_DECAY

from capstone._typing import Array
from capstone.model import TrainableTransformer
from oracle.reference_layers import load
from oracle.reference_model import Transformer, language_loss


def make_torch_step(
    model: TrainableTransformer, tokens: Array, targets: Array, *, threads: int
) -> Callable[[], float]:
    """A step of the same model, from the same weights, on the same batch; returns the loss."""
    torch.set_num_threads(threads)
    module = Transformer(model.config)
    load(module, model)
    weights = list(module.parameters())
    optimizer = make_optimizer(weights)
    x, y = torch.tensor(tokens), torch.tensor(targets)  # (B, T) each

    def step() -> float:
        optimizer.zero_grad()
        loss = language_loss(module(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, MAX_NORM)
        optimizer.step()
        return loss.item()

    return step


def make_optimizer(weights: list[torch.nn.Parameter]) -> torch.optim.AdamW:
    """AdamW in the fastest form that this PyTorch has; matrices decay, gains do not."""
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    try:
        return torch.optim.AdamW(groups, lr=LEARNING_RATE, fused=True)
    except RuntimeError:
        return torch.optim.AdamW(groups, lr=LEARNING_RATE, foreach=True)
