"""The learning rate over a run: a linear warm-up, then half a cosine down to the minimum."""

import math
from typing import Protocol

from capstone._checks import check_in_range, check_not_negative, check_positive, fail


class HasLearningRate(Protocol):
    """What a schedule needs of an optimizer."""

    lr: float


class WarmupCosine:
    """Sets `optimizer.lr` for the first step when made, and for the next one at every `step`.

    Args:
        optimizer: whose `lr` is set.
        peak_lr: highest rate.
        min_lr: rate of the last step and of every one beyond it, in [0, peak_lr].
        warmup_steps: steps below the peak before the first one at the peak.
        total_steps: steps of the whole run.

    Source: Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts, after a warm-up.
    """

    def __init__(
        self,
        optimizer: HasLearningRate,
        *,
        peak_lr: float,
        min_lr: float,
        warmup_steps: int,
        total_steps: int,
    ) -> None:
        _check_schedule(peak_lr, min_lr, warmup_steps, total_steps)
        self._optimizer = optimizer
        self.peak_lr, self.min_lr = peak_lr, min_lr
        self.warmup_steps, self.total_steps = warmup_steps, total_steps
        self.steps_taken = 0
        self._set()

    def step(self) -> None:
        """Advance by one: call it after each `optimizer.step()`."""
        self.steps_taken += 1
        self._set()

    def _set(self) -> None:
        self._optimizer.lr = warmup_cosine(
            self.steps_taken,
            peak_lr=self.peak_lr,
            min_lr=self.min_lr,
            warmup_steps=self.warmup_steps,
            total_steps=self.total_steps,
        )


def warmup_cosine(
    step: int, *, peak_lr: float, min_lr: float, warmup_steps: int, total_steps: int
) -> float:
    """The learning rate of one step.

    Steps 0 to `warmup_steps - 1` climb in equal strides, step `warmup_steps` is at the peak,
    step `total_steps - 1` and all later ones are at the minimum, exactly. A run of a single step
    is at the minimum.

    Args:
        step: the step, counted from 0.
        peak_lr: highest rate.
        min_lr: lowest rate after the peak, in [0, peak_lr].
        warmup_steps: steps below the peak before the first one at the peak.
        total_steps: steps of the whole run.

    Raises:
        UsageError: A rate or a count is out of range, or the warm-up leaves no room for a step
            at the peak and one at the minimum.
    """
    _check_schedule(peak_lr, min_lr, warmup_steps, total_steps)
    check_not_negative("warmup_cosine", step=step)
    if step >= total_steps - 1:
        return min_lr
    if step < warmup_steps:
        return peak_lr * (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / (total_steps - 1 - warmup_steps)  # 0 at the peak, below 1
    height = 0.5 * (1.0 + math.cos(math.pi * progress))  # 1 at the peak
    return height * peak_lr + (1.0 - height) * min_lr


def _check_schedule(peak_lr: float, min_lr: float, warmup_steps: int, total_steps: int) -> None:
    where = "warmup_cosine"
    check_positive(where, total_steps=total_steps)
    check_in_range(where, "peak_lr", peak_lr, 0.0, math.inf)
    check_in_range(where, "min_lr", min_lr, 0.0, peak_lr)
    check_not_negative(where, warmup_steps=warmup_steps)
    if warmup_steps and warmup_steps + 2 > total_steps:
        rule = "the warm-up must leave a step for the peak and one for the minimum"
        expected = f"warmup_steps <= {max(0, total_steps - 2)}"
        mend = "warm up for fewer steps or train for more"
        fail(where, rule, expected=expected, got=warmup_steps, mend=mend)
