"""The training loss and the figure people quote for it."""

import math

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.ops.cross_entropy import cross_entropy_bwd, cross_entropy_fwd


def cross_entropy_loss(
    logits: Array,
    targets: Array,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> tuple[float, Array]:
    """Cross-entropy and its gradient in one call.

    Args:
        logits: (..., V).
        targets: (...) integers.
        ignore_index: target value of positions that do not count.
        label_smoothing: share of the target spread evenly over all classes.
        z_loss: weight of the squared log-sum-exp.

    Returns:
        `(loss, grad_logits)`: nats per valid target, and an array of the shape of logits.

    Raises:
        UsageError: shapes that do not fit; else see `capstone.ops.cross_entropy_fwd`.
    """
    if np.shape(targets) != logits.shape[:-1]:
        rule = "targets must have the shape of logits without the last axis"
        expected, got = logits.shape[:-1], np.shape(targets)
        fail("cross_entropy_loss", rule, expected=expected, got=got)
    loss, saved = cross_entropy_fwd(
        logits,
        targets,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        z_loss=z_loss,
    )
    (grad_logits,) = cross_entropy_bwd(np.ones((), logits.dtype), saved)
    return float(loss), grad_logits


def compute_perplexity(loss: float) -> float:
    """`exp(loss)`: among how many equally likely tokens the model hesitates.

    Args:
        loss: nats per token.

    Returns:
        The perplexity; infinity where the exponential overflows.
    """
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
