"""Cross-entropy from logits: mean over valid targets, label smoothing, z-loss.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture" (label smoothing);
Chowdhery et al. 2022, "PaLM", section 5 (z-loss); derivation in
docs/derivations/cross_entropy.md.
"""

from typing import NamedTuple

import numpy as np

from capstone._checks import check_ids, check_in_range, check_inexact, fail
from capstone._typing import Array


class CrossEntropySaved(NamedTuple):
    """What `cross_entropy_bwd` needs."""

    probabilities: Array  # (..., V)
    log_total: Array  # (..., 1) log of the sum of the exponentials
    targets: Array  # (...), 0 where ignored
    is_valid: Array  # (...) booleans
    label_smoothing: float
    z_loss: float


def cross_entropy_fwd(
    logits: Array,
    targets: Array,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> tuple[Array, CrossEntropySaved]:
    """Mean negative log-likelihood of the targets, in nats per valid target.

    With `lse` the log-sum-exp of a row, each valid row contributes
    `(1 - s) (lse - logits[target]) + s (lse - mean(logits)) + z lse**2`.
    No valid target at all gives a loss of 0 (PyTorch gives NaN).

    Args:
        logits: (..., *N, V), any float or complex dtype; axes before N are kept.
        targets: (*N) integers in [0, V), or `ignore_index`.
        ignore_index: target value of rows that do not count; None if all count.
        label_smoothing: s, the share of the target that is spread evenly over all V classes.
        z_loss: z, the weight of lse**2, which keeps logits from drifting.

    Returns:
        `(loss, saved)` with loss of shape (...): zero-dimensional unless logits have extra axes.

    Raises:
        UsageError: targets out of range or of another shape, smoothing outside [0, 1], z < 0.
    """
    check_inexact("cross_entropy_fwd", logits=logits)
    check_in_range("cross_entropy_fwd", "label_smoothing", label_smoothing, 0, 1)
    check_in_range("cross_entropy_fwd", "z_loss", z_loss, 0, np.inf)
    is_valid = np.ones(targets.shape, bool) if ignore_index is None else targets != ignore_index
    targets = np.where(is_valid, targets, 0)  # (*N): no ignored id is ever used as an index
    check_ids("cross_entropy_fwd", "targets", targets, logits.shape[-1])
    if logits.shape[-1 - targets.ndim : -1] != targets.shape:
        rule = "targets must have the shape of logits without the last axis"
        fail("cross_entropy_fwd", rule, expected=logits.shape[:-1], got=targets.shape)

    if not is_valid.all():
        logits = np.where(is_valid[..., None], logits, 0)  # ignored rows may hold infinities
    peak = logits.real.max(axis=-1, keepdims=True)  # (..., *N, 1)
    exponentials = np.exp(logits - peak)  # (..., *N, V)
    total = exponentials.sum(axis=-1, keepdims=True)  # (..., *N, 1)
    log_total = np.log(total) + peak  # (..., *N, 1)
    saved = CrossEntropySaved(
        exponentials / total, log_total, targets, is_valid, label_smoothing, z_loss
    )

    lse = log_total[..., 0]  # (..., *N)
    rows = lse - pick(logits, targets)  # (..., *N)
    if label_smoothing:
        rows = (1 - label_smoothing) * rows + label_smoothing * (lse - logits.mean(axis=-1))
    if z_loss:
        rows = rows + z_loss * lse * lse
    rows = np.where(is_valid, rows, 0)
    loss = rows.sum(axis=tuple(range(-targets.ndim, 0))) / max(1, int(is_valid.sum()))
    return loss, saved


def cross_entropy_bwd(dy: Array, saved: CrossEntropySaved) -> tuple[Array]:
    """Gradient of `cross_entropy_fwd`.

    Args:
        dy: zero-dimensional, the gradient of the final value with respect to the loss.
        saved: what the forward pass returned.

    Returns:
        `(dlogits,)` of shape (*N, V); rows of ignored targets are exactly 0.
    """
    probabilities, log_total, targets, is_valid, s, z = saved
    V = probabilities.shape[-1]
    # forward: the derivative of lse is the row of probabilities
    dlogits = probabilities * (1 + 2 * z * log_total) if z else probabilities.copy()  # (*N, V)
    # forward: - (1 - s) logits[target] - s mean(logits)
    if s:
        dlogits -= s / V
    target = targets[..., None]  # (*N, 1)
    at_target = np.take_along_axis(dlogits, target, axis=-1)  # (*N, 1)
    np.put_along_axis(dlogits, target, at_target - (1 - s), axis=-1)
    # forward: mean over the valid rows
    dlogits *= dy / max(1, int(is_valid.sum()))
    dlogits[~is_valid] = 0
    return (dlogits,)


def pick(logits: Array, targets: Array) -> Array:
    """`logits[..., n, targets[n]]` for every position n: (..., *N, V), (*N) to (..., *N)."""
    index = targets.reshape((1,) * (logits.ndim - 1 - targets.ndim) + (*targets.shape, 1))
    return np.take_along_axis(logits, index, axis=-1)[..., 0]
