"""One training step, as the benchmarks time it; needs `tests` on the path."""

from collections.abc import Callable

from capstone._typing import Array
from capstone.memory import keep_freed_memory
from capstone.model import TrainableTransformer
from capstone.optim import AdamW, clip_grad_norm
from capstone.ranks import Ranks
from capstone.shards import Shards
from training_step import take_step

LEARNING_RATE = 1e-5  # so small that a batch seen over and over is not memorized while we time
WEIGHT_DECAY, MAX_NORM = 0.1, 1.0


def make_numpy_step(
    model: TrainableTransformer, tokens: Array, targets: Array
) -> Callable[[], float]:
    """A step on one batch: reset, forward, loss, backward, clip, AdamW; returns the loss."""
    keep_freed_memory()  # as `capstone train` does
    optimizer = AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def step() -> float:
        loss, _ = take_step(model, optimizer, tokens, targets, max_norm=MAX_NORM)
        return loss

    return step


def make_numpy_parts(
    model: TrainableTransformer, shards: Shards | Ranks, tokens: Array, targets: Array
) -> tuple[Callable[[], float], Callable[[], None]]:
    """The same step as `capstone train` takes it: gradients, which returns the loss; optimizer."""
    keep_freed_memory()
    optimizer = AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def update() -> None:
        clip_grad_norm(model.parameters(), MAX_NORM, each=shards.each)
        optimizer.step(each=shards.each)

    return lambda: shards.compute_gradients(tokens, targets), update
