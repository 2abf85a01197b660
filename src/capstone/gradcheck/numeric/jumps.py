"""Outputs that move in jumps although their inputs move smoothly.

In `x * (1 + tanh(x))` at -10 the sum is a few roundings of 1. It stands still for a long way while
x moves the output, so that small steps see a slope which is not the derivative. How large the jumps
are shows farther out, where steps cross some of them.
"""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.climbs import RATIO
from capstone.gradcheck.numeric.evaluator import Evaluator, scale_of
from capstone.gradcheck.numeric.ladder import scales, stepped

SPACINGS = 10.0 ** np.arange(-5.0, -0.9, 0.5)  # of the scale, each RATIO times the one before
NODES = (-2.0, -1.0, 1.0, 2.0)
WEIGHTS = (1.0, -4.0, -4.0, 1.0)  # of a fourth difference; the point itself has 6
ROUNDINGS = 64.0  # of numbers about 1, or as large as those at hand: what a jump may be at most
SIZE = 16.0  # sum of the weights' absolute values: what a jump of 1 makes at most


def jumps_along(evaluator: Evaluator, index: int, directions: Array) -> Array:
    """(P,) how far `<dy, y>` jumps along directions of argument number `index`.

    Fourth differences of a smooth function grow a hundredfold from one spacing to the next. Those
    of jumps do not: what is more than a tenth of the next is taken for jumps, as long as it is a
    few roundings of ordinary numbers. Kinks and steps are larger.
    """
    value, base = evaluator.values[index], evaluator.base.reshape(-1)
    scale, _ = scales(value, directions)
    steps = np.multiply.outer(SPACINGS, scale)  # (S, P)
    y = stepped(evaluator, {index: directions}, steps, NODES)  # (4, S, P, number of outputs)
    differences = np.tensordot(WEIGHTS, y, axes=1) + 6 * base
    sizes = np.abs(differences) / SIZE  # (S, P, number of outputs)
    ordinary = max(1.0, scale_of(value), scale_of(evaluator.base))
    largest = ROUNDINGS * float(np.finfo(float).eps) * ordinary
    is_jump = (sizes[:-1] > sizes[1:] / RATIO**2) & (sizes[:-1] <= largest)
    jumps = np.where(is_jump, sizes[:-1], 0.0).max(axis=0)  # (P, number of outputs)
    return np.asarray(jumps @ np.abs(evaluator.dy).reshape(-1))
