"""How far a disputed entry is from central differences, step by step.

Of a right gradient the distance falls with the step as long as truncation rules it, and rises again
where rounding does: a V. Of a wrong one it stays where it is.
"""

import numpy as np

from capstone.gradcheck.numeric.evaluator import Evaluator, scale_of
from capstone.gradcheck.numeric.probes import one_hots

STEPS = 10.0 ** np.arange(-12, 0, 0.5)  # of the argument's scale


def error_curve(
    evaluator: Evaluator, index: int, entry: int, analytic: float
) -> tuple[tuple[float, float], ...]:
    """`(step, |analytic - central difference|)` for one entry of argument number `index`."""
    value = evaluator.values[index]
    steps = STEPS * scale_of(value)
    by = steps.reshape(-1, *(1,) * value.ndim) * one_hots(np.array([entry]), value.shape)
    y = evaluator.outputs({index: np.concatenate([value + by, value - by])})
    change = (y[: len(steps)] - y[len(steps) :]).reshape(len(steps), -1)
    slopes = (change @ evaluator.dy.reshape(-1)) / (2 * steps)
    pairs = zip(steps.tolist(), np.abs(slopes - analytic).tolist(), strict=True)
    return tuple(pair for pair in pairs if np.isfinite(pair[1]))
