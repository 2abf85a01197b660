"""Disputed slopes that are small beside what they come from: too small for a fair comparison."""

from dataclasses import replace

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.complex_step import STEP, ComplexStep
from capstone.gradcheck.numeric.evaluator import Evaluator, scale_of
from capstone.gradcheck.numeric.ladder import outputs_touched, scales
from capstone.gradcheck.verdict.compare import Comparison, eps_of

VANISHING = 1e-80  # slopes below it may be what the complex step leaves of a third power
OTHER_STEP = 1e10 * STEP
TINY = 1e-3  # of the outputs: smaller slopes are mostly saturated ones
ROUNDINGS = 8.0  # of the outputs, that a tiny slope may be off by
NATURAL = 32.0  # the largest entries whose slopes are expected to be as large as the outputs
AT_A_TIME = 64  # directions that share a call


def without_truncation(comparison: Comparison, index: int, numeric: ComplexStep) -> Comparison:
    """Of `x**3` at 0 a step of ih leaves the slope -h**2: what another step changes is no slope."""
    value = comparison.numeric.value
    disputed = np.flatnonzero(comparison.is_wrong & (np.abs(value) < VANISHING))
    if not disputed.size:
        return comparison
    other, noise = ComplexStep(numeric.evaluator, OTHER_STEP), comparison.numeric.noise.copy()
    for part in parts(disputed):
        slopes = other.slopes({index: comparison.directions_of(part)})
        noise[part] += np.abs(slopes.value - value[part])
    return replace(comparison, numeric=comparison.numeric._replace(noise=noise))


def beside_outputs(
    comparison: Comparison, index: int, evaluator: Evaluator
) -> tuple[Comparison, str]:
    """Slopes that are tiny beside the outputs may be off by the rounding of these.

    A backward pass that computes `1 - tanh(x)**2` anew has no more than that of a saturated entry,
    and no nudge shows it: the tanh stands still at 1.

    Returns:
        The comparison, and what to say of it, if anything.
    """
    size = np.fmax(np.abs(comparison.analytic), np.abs(comparison.numeric.value))
    disputed, excused = np.flatnonzero(comparison.is_wrong & np.isfinite(size)), 0
    extra, eps = comparison.extra.copy(), eps_of(comparison.argument)
    for part in parts(disputed):
        outputs = _outputs_of(comparison.directions_of(part), index, evaluator)
        allowed = tiny_allowance(size[part], outputs, evaluator.values[index], eps)
        more = np.maximum(0.0, allowed - extra[part])  # than the noise that was measured
        is_excused = comparison.error[part] <= comparison.allowed[part] + more
        extra[part] += np.where(is_excused, more, 0.0)
        excused += int(is_excused.sum())
        if not is_excused.any():
            break
    if not excused:
        return comparison, ""
    words = f"d({comparison.argument.name}): {excused} slopes are so small beside the outputs that"
    return replace(comparison, extra=extra), f"{words} they are known to a rounding of these only"


def _outputs_of(directions: Array, index: int, evaluator: Evaluator) -> Array:
    """(P,) size of the outputs that each direction moves."""
    scale, _ = scales(evaluator.values[index], directions)
    touched = outputs_touched(evaluator, {index: directions}, scale)
    return np.asarray(touched @ np.abs(evaluator.dy * evaluator.base).reshape(-1))


def tiny_allowance(size: Array | float, outputs: Array | float, value: Array, eps: float) -> Array:
    """What slopes of a size may be off by where they are tiny beside the outputs, else 0.

    Args:
        size: of the slopes.
        outputs: sum of |dy * y| over those that depend on them.
        value: the argument; where its entries are large, slopes are smaller by nature.
        eps: of its precision.
    """
    unit = np.asarray(outputs * min(1.0, NATURAL / scale_of(value)))
    return np.asarray(np.where(size <= TINY * unit, ROUNDINGS * eps * unit, 0.0))


def parts(which: Array) -> list[Array]:
    """A few numbers at a time."""
    return [which[start : start + AT_A_TIME] for start in range(0, len(which), AT_A_TIME)]
