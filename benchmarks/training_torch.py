"""The training step of `training.py`, and whole runs, in PyTorch; needs `tests` on the path."""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from training import LEARNING_RATE, MAX_NORM, WEIGHT_DECAY

from capstone._typing import Array
from capstone.data import evaluation_batches
from capstone.evaluate import EVALUATION_TOKENS
from capstone.model import TrainableTransformer
from capstone.optim.schedule import warmup_cosine
from capstone.train import BETAS, TrainingRun
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


def make_optimizer(
    weights: list[torch.nn.Parameter],
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = WEIGHT_DECAY,
) -> torch.optim.AdamW:
    """AdamW in the fastest form that this PyTorch has; matrices decay, gains do not."""
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    try:
        return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=betas, fused=True)
    except RuntimeError:
        return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=betas, foreach=True)


def train_as(run: TrainingRun) -> float:
    """Train as a run of ours would, from its weights and with its batches; the last loss."""
    config = run.config
    torch.set_num_threads(config.threads or 1)
    module = Transformer(run.model.config)
    load(module, run.model)
    weights = list(module.parameters())
    optimizer = make_optimizer(weights, betas=BETAS, weight_decay=config.weight_decay)
    sizes = {"batch_size": EVALUATION_TOKENS // run.seq_len, "seq_len": run.seq_len}
    val_loss = math.nan
    for step, batch in enumerate(itertools.islice(run.batches(), run.total_steps)):
        for group in optimizer.param_groups:
            group["lr"] = warmup_cosine(
                step,
                peak_lr=config.lr,
                min_lr=config.last_lr,
                warmup_steps=config.warmup_steps,
                total_steps=run.total_steps,
            )
        x, y = (torch.from_numpy(part) for part in batch)  # (B, T) each
        optimizer.zero_grad()
        language_loss(module(x), y).backward()
        torch.nn.utils.clip_grad_norm_(weights, config.max_grad_norm)
        optimizer.step()
        if (step + 1) % config.eval_every == 0 or step + 1 == run.total_steps:
            val_loss = evaluate(module, evaluation_batches(run.validation_ids, **sizes))
    return val_loss


@torch.inference_mode()
def evaluate(module: Transformer, batches: Iterable[tuple[Array, Array]]) -> float:
    """The mean loss over all targets."""
    total, count = 0.0, 0
    for batch in batches:
        x, y = (torch.tensor(part) for part in batch)  # (B, T) each
        total += language_loss(module(x), y).item() * y.numel()
        count += y.numel()
    return total / count
