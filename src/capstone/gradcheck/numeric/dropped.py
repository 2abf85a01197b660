"""Imaginary parts that a forward pass drops on the way, seen from what moves without them."""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.climbs import SAFETY
from capstone.gradcheck.numeric.evaluator import Evaluator, scale_of
from capstone.gradcheck.numeric.ladder import stepped
from capstone.gradcheck.numeric.probes import signed

EXPONENTS = (-6.0, -5.0, -4.0, -3.0)  # decimal, of the steps in units of the entries' scale
VISIBLE = 16.0  # rounding bounds that a slope must exceed
STEADY = 0.1  # relative: a slope stays, what curvature leaves shrinks with the step


def is_dropped(evaluator: Evaluator, index: int, silent: Array, rng: np.random.Generator) -> bool:
    """Do entries move an output although no imaginary part of theirs comes out?

    `abs`, a comparison or a real buffer may stand on the way of some entries or outputs only.

    Args:
        evaluator: of the subject, at the point.
        index: number of the argument.
        silent: (*shape) booleans: the entries.
        rng: for their signs.
    """
    value = evaluator.values[index]
    scale = scale_of(value[silent])
    direction = scale * signed(rng, value.shape, np.dtype(float)) * silent
    rounding = 2 * SAFETY * float(np.finfo(float).eps) * np.abs(evaluator.base.reshape(-1))
    before, was_visible = np.zeros(rounding.size), np.zeros(rounding.size, bool)  # (outputs,)
    for step in 10.0 ** np.array(EXPONENTS):
        moved = {index: direction[None]}
        plus, minus = stepped(evaluator, moved, np.array([[step]]), (1.0, -1.0))
        slope = (plus - minus)[0, 0] / (2 * step)  # (number of outputs,)
        is_visible = np.abs(slope) > VISIBLE * rounding / step
        if (is_visible & was_visible & (np.abs(slope - before) <= STEADY * np.abs(slope))).any():
            return True
        before, was_visible = slope, is_visible
    return False
