"""How far a disputed entry is from central differences, step by step.

Of a right gradient the distance falls with the step as long as truncation rules it, and rises again
where rounding does: a V. Of a wrong one it stays where it is.
"""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Evaluator, scale_of
from capstone.gradcheck.numeric.probes import one_hots

STEPS = 10.0 ** np.arange(-12, 0, 0.5)  # of the argument's scale


def error_curve(
    evaluator: Evaluator, index: int, entry: int, analytic: float
) -> tuple[tuple[float, float], ...]:
    """`(step, |analytic - central difference|)` for one entry of argument number `index`."""
    steps = STEPS * scale_of(evaluator.values[index])
    direction = one_hots(np.array([entry]), evaluator.values[index].shape)  # (1, *shape)
    chunk = max(1, evaluator.chunk(index) // 2)  # a step takes two variants
    parts = [steps[start : start + chunk] for start in range(0, len(steps), chunk)]
    slopes = np.concatenate([_central(evaluator, index, direction, part) for part in parts])
    pairs = zip(steps.tolist(), np.abs(slopes - analytic).tolist(), strict=True)
    return tuple(pair for pair in pairs if np.isfinite(pair[1]))


def _central(evaluator: Evaluator, index: int, direction: Array, steps: Array) -> Array:
    """(S,) central differences along one direction."""
    value = evaluator.values[index]
    by = steps.reshape(-1, *(1,) * value.ndim) * direction  # (S, *shape)
    y = evaluator.outputs({index: np.concatenate([value + by, value - by])})
    change = (y[: len(steps)] - y[len(steps) :]).reshape(len(steps), -1)
    return np.asarray((change @ evaluator.dy.reshape(-1)) / (2 * steps))
