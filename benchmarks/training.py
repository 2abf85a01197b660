"""One training step, as the benchmarks time it."""

from collections.abc import Callable

from capstone._typing import Array
from capstone.loss import cross_entropy_loss
from capstone.memory import keep_freed_memory
from capstone.model import TrainableTransformer
from capstone.optim import AdamW, clip_grad_norm

LEARNING_RATE = 1e-5  # so small that a batch seen over and over is not memorized while we time
WEIGHT_DECAY, MAX_NORM = 0.1, 1.0


def make_numpy_step(
    model: TrainableTransformer, tokens: Array, targets: Array
) -> Callable[[], float]:
    """A step on one batch: reset, forward, loss, backward, clip, AdamW; returns the loss."""
    keep_freed_memory()  # as `capstone train` does
    parameters = model.parameters()
    optimizer = AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def step() -> float:
        optimizer.zero_grad()
        loss, grad_logits = cross_entropy_loss(model.forward(tokens), targets)
        model.backward(grad_logits)
        clip_grad_norm(parameters, MAX_NORM)
        optimizer.step()
        return loss

    return step
