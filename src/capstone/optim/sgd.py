"""Stochastic gradient descent, with momentum if asked for."""

import math
from collections.abc import Iterable

import numpy as np

from capstone._checks import check_in_range
from capstone._typing import Array
from capstone.optim.runs import BLOCK, BoundParameters, Run, blocks, merge_adjacent
from capstone.parameter import Parameter


class SGD:
    """`velocity = momentum * velocity + grad`, then `data -= lr * velocity`.

    Args:
        parameters: what to optimize, each parameter once.
        lr: learning rate, at least 0; settable between steps.
        momentum: share of the velocity that survives a step, in [0, 1]; 0 is plain descent.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep
    learning", 2013, in the form without the factor `1 - momentum`.
    """

    def __init__(
        self, parameters: Iterable[Parameter], *, lr: float = 1e-2, momentum: float = 0.0
    ) -> None:
        parameters = list(parameters)
        check_in_range("SGD", "lr", lr, 0.0, math.inf)
        check_in_range("SGD", "momentum", momentum, 0.0, 1.0)
        self.lr = lr
        self.momentum = momentum
        self._parameters = BoundParameters("SGD", parameters)
        self._runs = [(run, np.zeros_like(run.data)) for run in merge_adjacent(parameters)]

    def zero_grad(self) -> None:
        """Reset every gradient in place."""
        self._parameters.zero_grad()

    def step(self) -> None:
        """Move every parameter once, in place.

        Raises:
            UsageError: `lr` is negative or NaN, or a parameter was bound to another array.
        """
        check_in_range("SGD.step", "lr", self.lr, 0.0, math.inf)
        self._parameters.check_still_bound()
        for run, velocity in self._runs:
            self._update(run, velocity)

    def _update(self, run: Run, velocity: Array) -> None:
        scratch = np.empty_like(run.data[:BLOCK])  # (at most BLOCK,)
        for block in blocks(run.data.size):
            moving = velocity[block]  # (block,)
            moving *= self.momentum
            moving += run.grad[block]
            change = np.multiply(moving, self.lr, out=scratch[: moving.size])  # (block,)
            run.data[block] -= change
