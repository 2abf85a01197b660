"""The training step of `training.py` in PyTorch, eager or compiled; needs `tests` on the path."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from training import LEARNING_RATE, MAX_NORM, WEIGHT_DECAY

from capstone._typing import Array
from capstone.model import TrainableTransformer
from oracle.reference_layers import load
from oracle.reference_model import Transformer, language_loss


class CompilerError(Exception):
    """`torch.compile` does not work here; the message has one line."""


def make_torch_parts(
    model: TrainableTransformer, tokens: Array, targets: Array, *, threads: int, is_compiled: bool
) -> tuple[Callable[[], float], Callable[[], None]]:
    """Gradients, which returns the loss, and optimizer: the same model, weights and batch.

    Raises:
        CompilerError: the model cannot be compiled, as where there is no C++ compiler.
    """
    torch.set_num_threads(threads)
    module = Transformer(model.config)
    load(module, model)
    weights = list(module.parameters())
    optimizer = make_optimizer(weights)
    x, y = torch.tensor(tokens), torch.tensor(targets)  # (B, T) each
    loss_of = make_loss(module, x, y, is_compiled=is_compiled)

    def gradients() -> float:
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        return loss.item()

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(weights, MAX_NORM)
        optimizer.step()

    return gradients, update


def make_loss(
    module: Transformer, x: Tensor, y: Tensor, *, is_compiled: bool
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of tokens and targets (B, T); a compiled one is compiled for these."""

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        return language_loss(module(x), y)

    if not is_compiled:
        return loss_of
    # the tables of the rotation are constants of the graph
    warnings.filterwarnings("ignore", ".*lru_cache.*")
    compiled = torch.compile(loss_of)
    try:
        compiled(x, y).backward()
    except Exception as error:  # of many kinds, from Python's version to the compiler's
        line = next(filter(None, map(str.strip, str(error).splitlines())), "no reason given")
        raise CompilerError(f"{type(error).__name__}: {line}") from error
    return compiled


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
