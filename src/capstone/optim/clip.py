"""Clipping: one length for all gradients together, so that their direction stays."""

import math
from collections.abc import Iterable

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import NonFiniteError
from capstone.optim.runs import blocks, check_distinct, label
from capstone.parameter import Parameter

NORM_EPSILON = 1e-6  # PyTorch's: a clipped gradient ends up this much, relatively, below max_norm


def clip_grad_norm(params: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients by one factor if their joint 2-norm is above `max_norm`.

    Args:
        params: parameters, each once; their `grad` is scaled in place.
        max_norm: the norm allowed, above 0; infinity only measures.

    Returns:
        The norm before clipping, summed in float64.

    Raises:
        NonFiniteError: A gradient holds a NaN or an infinity; nothing was scaled.
        UsageError: `max_norm` is not positive, no parameter was given, or one was given twice.
    """
    params = list(params)
    check_distinct("clip_grad_norm", params)
    if not max_norm > 0.0:
        rule = "max_norm must be positive"
        fail("clip_grad_norm", rule, expected="max_norm > 0", got=max_norm)
    norm = math.sqrt(sum(_finite_square(parameter, i) for i, parameter in enumerate(params)))
    coefficient = max_norm / (norm + NORM_EPSILON)
    if coefficient < 1.0:
        for parameter in params:
            parameter.grad *= coefficient
    return norm


def _finite_square(parameter: Parameter, position: int) -> float:
    """The sum of squares of one gradient, or an error that names it."""
    with np.errstate(over="ignore"):  # found below
        total = _square(parameter.grad.reshape(-1))
    if not math.isfinite(total):
        name, finite = label(parameter, position), np.isfinite(parameter.grad)
        if finite.all():
            rule = f"the norm of the gradient of {name} must be finite"
            got = f"entries up to {np.abs(parameter.grad).max():.1e}, whose squares overflow"
            fail("clip_grad_norm", rule, expected="a number", got=got, error=NonFiniteError)
        worst = tuple(map(int, np.unravel_index(finite.argmin(), finite.shape)))
        rule = f"the gradient of {name} must be finite"
        got = f"{parameter.grad[worst]} at {worst}"
        fail("clip_grad_norm", rule, expected="finite entries", got=got, error=NonFiniteError)
    return total


def _square(row: Array) -> float:
    """The sum of squares of a row (N,), in float64 without a float64 copy of the row."""
    total = 0.0
    for block in blocks(row.size):
        wide = row[block].astype(np.float64, copy=False)  # (block,)
        total += float(wide @ wide)
    return total
