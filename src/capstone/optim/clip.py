"""Clipping: one length for all gradients together, so that their direction stays."""

import math
from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import NonFiniteError
from capstone.optim.runs import Each, blocks, check_distinct, in_turn, label
from capstone.parameter import Parameter

NORM_EPSILON = 1e-6  # PyTorch's: a clipped gradient ends up this much, relatively, below max_norm


def clip_grad_norm(params: Iterable[Parameter], max_norm: float, *, each: Each = in_turn) -> float:
    """Scale all gradients by one factor if their joint 2-norm is above `max_norm`.

    Args:
        params: parameters, each once; their `grad` is scaled in place.
        max_norm: the norm allowed, above 0; infinity only measures.
        each: goes through the blocks of all gradients; they do not depend on each other.

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
    parts = [part for parameter in params for part in _parts(parameter.grad)]
    square = sum(each(_square, parts))
    if not math.isfinite(square):
        _name_the_culprit(params)
    norm = math.sqrt(square)
    coefficient = float(max_norm) / (norm + NORM_EPSILON)
    if coefficient < 1.0:
        each(lambda part: np.multiply(part, coefficient, out=part), parts)
    return norm


def _parts(grad: Array) -> list[Array]:
    """Views that cover a gradient: blocks of its row of memory, if it is one."""
    if not grad.flags.c_contiguous:
        return [grad]
    row = grad.reshape(-1)  # (N,)
    return [row[block] for block in blocks(row.size)]


def _square(part: Array) -> float:
    """The sum of squares, in float64."""
    wide = part.astype(np.float64, copy=False).reshape(-1)  # (N,)
    with np.errstate(over="ignore"):  # found by its infinity
        return float(wide @ wide)


def _name_the_culprit(params: list[Parameter]) -> NoReturn:
    """Raise for the gradient that made the norm NaN or infinite, a large one if all are finite."""
    for position, parameter in enumerate(params):
        finite = np.isfinite(parameter.grad)
        if not finite.all():
            worst = tuple(map(int, np.unravel_index(finite.argmin(), finite.shape)))
            rule = f"the gradient of {label(parameter, position)} must be finite"
            got = f"{parameter.grad[worst]} at {worst}"
            fail("clip_grad_norm", rule, expected="finite entries", got=got, error=NonFiniteError)
    peaks = [np.abs(parameter.grad).max(initial=0.0) for parameter in params]
    largest = int(np.argmax(peaks))
    rule = f"the norm of the gradient of {label(params[largest], largest)} must be finite"
    got = f"entries up to {peaks[largest]:.1e}, whose squares overflow"
    fail("clip_grad_norm", rule, expected="a number", got=got, error=NonFiniteError)
