"""Adam, and AdamW: the same with weight decay that the moments do not see."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from capstone._checks import check_in_range, fail
from capstone._typing import Array
from capstone.optim.runs import BoundParameters, Each, Run, blocks, in_turn, merge_adjacent
from capstone.parameter import Parameter


def is_matrix(parameter: Parameter) -> bool:
    """Whether AdamW decays the parameter by default: matrices yes, gains and biases no."""
    return parameter.data.ndim >= 2


class Moments(NamedTuple):
    """A run of parameters and its running sums: the averages are `1 - beta` times these."""

    run: Run
    grads: Array  # (N,) of the gradient
    squares: Array  # (N,) of the squared gradient
    weight_decay: float


class Adam:
    """Steps of about `lr` per entry, whatever the scale of the gradient.

    Args:
        parameters: what to optimize, each parameter once.
        lr: learning rate, at least 0; settable between steps.
        betas: how much of the averages of the gradient and of its square survives a step.
        eps: added to the root of the averaged square; above 0.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        parameters = list(parameters)
        self._set_up(parameters, [0.0] * len(parameters), lr, betas, eps)

    def _set_up(
        self,
        parameters: list[Parameter],
        decays: list[float],
        lr: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        """Bind the parameters, each with its weight decay; a run has one decay throughout."""
        self._where = type(self).__name__
        _check_hyperparameters(self._where, lr, betas, eps)
        self.lr, self.betas, self.eps = lr, betas, eps
        self.steps_taken = 0
        self._parameters = BoundParameters(self._where, parameters)
        self._moments: list[Moments] = []
        for decay in sorted(set(decays)):
            group = [p for p, of_p in zip(parameters, decays, strict=True) if of_p == decay]
            self._moments += [_zero_moments(run, decay) for run in merge_adjacent(group)]

    def zero_grad(self) -> None:
        """Reset every gradient in place."""
        self._parameters.zero_grad()

    def step(self, *, each: Each = in_turn) -> None:
        """Move every parameter once, in place.

        Args:
            each: goes through the blocks of parameters; they do not depend on each other.

        Raises:
            UsageError: `lr` is negative or NaN, or a parameter was bound to another array.
        """
        check_in_range(f"{self._where}.step", "lr", self.lr, 0.0, math.inf)
        self._parameters.check_still_bound()
        self.steps_taken += 1
        all_blocks = [(m, block) for m in self._moments for block in blocks(m.grads.size)]
        each(self._update, all_blocks)

    def _update(self, moments_and_block: tuple[Moments, slice]) -> None:
        """The textbook step on one block; every operation writes into an array that exists.

        mean   = beta1 * mean + (1 - beta1) * grad
        square = beta2 * square + (1 - beta2) * grad**2
        data  -= lr * (mean / bias1) / (sqrt(square / bias2) + eps)

        Every factor that is one number for all entries is taken out of the arrays, which saves
        three passes.
        """
        moments, block = moments_and_block
        data, grad = moments.run.data[block], moments.run.grad[block]  # (block,), (block,)
        grads, squares = moments.grads[block], moments.squares[block]  # (block,), (block,)
        scratch = np.empty_like(data)  # (block,)
        beta1, beta2 = self.betas
        bias1, bias2 = 1.0 - beta1**self.steps_taken, 1.0 - beta2**self.steps_taken
        root = math.sqrt((1.0 - beta2) / bias2)
        if moments.weight_decay:
            data *= 1.0 - self.lr * moments.weight_decay
        grads *= beta1
        grads += grad
        squares *= beta2
        squares += np.multiply(grad, grad, out=scratch)
        np.sqrt(squares, out=scratch)
        scratch += self.eps / root
        np.divide(grads, scratch, out=scratch)
        scratch *= self.lr * (1.0 - beta1) / (bias1 * root)
        data -= scratch


class AdamW(Adam):
    """Adam with decoupled weight decay: `data *= 1 - lr * weight_decay` before the step.

    Args:
        parameters: what to optimize, each parameter once.
        lr: learning rate, at least 0; settable between steps.
        betas: how much of the averages of the gradient and of its square survives a step.
        eps: added to the root of the averaged square; above 0.
        weight_decay: strength of the decay, at least 0.
        decay: says of a parameter whether it decays; by default matrices do, vectors do not.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2,
    with the decay first, as PyTorch has it.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decay: Callable[[Parameter], bool] = is_matrix,
    ) -> None:
        check_in_range("AdamW", "weight_decay", weight_decay, 0.0, math.inf)
        parameters = list(parameters)
        decays = [weight_decay if decay(parameter) else 0.0 for parameter in parameters]
        self._set_up(parameters, decays, lr, betas, eps)


def _zero_moments(run: Run, weight_decay: float) -> Moments:
    grads, squares = np.zeros_like(run.data), np.zeros_like(run.data)  # (N,), (N,)
    return Moments(run, grads, squares, weight_decay)


def _check_hyperparameters(where: str, lr: float, betas: tuple[float, float], eps: float) -> None:
    check_in_range(where, "lr", lr, 0.0, math.inf)
    for name, beta in zip(("beta1", "beta2"), betas, strict=True):
        if not 0.0 <= beta < 1.0:
            rule = f"{name} must lie in [0, 1)"
            fail(where, rule, expected=f"0 <= {name} < 1", got=beta)
    if not eps > 0.0:
        fail(where, "eps must be positive", expected="eps > 0", got=eps)
