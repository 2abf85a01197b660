"""One step of training, as the suites and the benchmarks take it."""

from capstone._typing import Array
from capstone.loss import cross_entropy_loss
from capstone.model import TrainableTransformer
from capstone.optim import AdamW, clip_grad_norm


def take_step(
    model: TrainableTransformer,
    optimizer: AdamW,
    tokens: Array,
    targets: Array,
    *,
    max_norm: float = 1.0,
) -> tuple[float, float]:
    """Reset, forward, loss, backward, clip, update: `(loss, norm of the gradients)` before it."""
    optimizer.zero_grad()
    loss, grad_logits = cross_entropy_loss(model.forward(tokens), targets)
    model.backward(grad_logits)
    norm = clip_grad_norm(model.parameters(), max_norm)
    optimizer.step()
    return loss, norm
