"""The complex step: derivatives without cancellation, good to the last digits.

For an analytic f, `Im f(x + i h v) / h` is the derivative along v up to terms of order h**2.
Nothing is subtracted, so h may be 1e-60 and the result is exact to rounding.

Source: Squire and Trapp 1998, "Using Complex Variables to Estimate Derivatives of Real Functions".
"""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.climbs import NOISES, SAFETY, extrapolated
from capstone.gradcheck.numeric.evaluator import Directions, Evaluator, Slopes, scale_of
from capstone.gradcheck.numeric.ladder import Ladder, stepped
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.usage import in_one_line
from capstone.gradcheck.warnings_here import warnings_here

STEP = 1e-60  # of the argument's scale: vanishes beside its smallest entries, stays a normal number
SMALLEST_SCALE = 1e-200  # the step below it would underflow
# The ladder that looks for dropped imaginary parts: its first step, and one sample of noise
LOWEST, NUDGES = -7.0, (1e2,)
GLANCE = (-4.5, -2.0, 0.5)  # exponents of the steps that are tried before it: from, below, by
CLOSE = 3e-11  # of the terms: differences that may err by no more see any dropped part that counts
VAGUE = 1e-6  # of the terms: differences that may err by more see no dropped part for certain
ASIDE = 0.05  # of the scale, how far entries move then
ROUNDINGS = 64.0  # of the complex slope, in units of eps * sum|terms|, when the ladder judges it


class ComplexStep:
    """Differentiates an analytic forward pass.

    Args:
        evaluator: of the subject, at a point of float64 values.
        step: in units of the argument's scale.
    """

    name = "complex step"

    def __init__(self, evaluator: Evaluator, step: float = STEP) -> None:
        self.evaluator, self.step = evaluator, step

    def slopes(self, directions: Directions) -> Slopes:
        """Derivatives along P directions, each through one argument or several at once."""
        return self.slopes_of(*self.outputs(directions))

    def slopes_of(self, step: float, y: Array) -> Slopes:
        """Derivatives from the outputs (P, *y.shape) one step along P directions."""
        slope = (y.imag / step).reshape(len(y), -1)  # (P, number of outputs)
        products = slope * self.evaluator.dy.reshape(-1)
        terms = np.abs(products).sum(axis=1)
        is_silent = np.asarray(~slope.any(axis=1))
        return Slopes(products.sum(axis=1), np.zeros(len(terms)), terms, is_silent)

    def outputs(self, directions: Directions) -> tuple[float, Array]:
        """The step, and y (P, *y.shape) one step along the directions: complex, if all is well."""
        values = self.evaluator.values
        step = self.step * max(SMALLEST_SCALE, *(scale_of(values[index]) for index in directions))
        moved = {index: _moved(values[index], step, d) for index, d in directions.items()}
        with warnings_here("error", np.exceptions.ComplexWarning):
            return step, self.evaluator.outputs(moved)


def _moved(value: Array, step: float, directions: Array) -> Array:
    """`value + 1j * step * directions` (P, *shape), in one array."""
    moved = np.empty(directions.shape, complex)
    moved.real = value
    np.multiply(directions, step, out=moved.imag)
    return moved


def why_not_complex(evaluator: Evaluator, rng: np.random.Generator) -> str:
    """Why the complex step cannot be trusted here; empty if it can.

    What to fear are dropped imaginary parts: `abs`, comparisons, `float()`, real buffers. One
    direction through all arguments is therefore compared with the ladder, which needs real numbers
    only. It moves each argument in proportion to its size.

    Where real differences are vague, as beside a root, they are taken at a point beside it too.
    """
    reason, is_vague = _look_at(evaluator, rng)
    if reason or not is_vague:
        return reason
    moved = [_moved_aside(rng, value) for value in evaluator.values]
    beside = Evaluator(evaluator.subject, moved, evaluator.dy, evaluator.copies)
    try:
        y = beside.output(moved)
        reason, _ = _look_at(beside, rng) if np.isfinite(y).all() else ("", True)
    except Exception:  # outside of its domain
        reason = ""
    evaluator.forwards += beside.forwards
    return reason


def _moved_aside(rng: np.random.Generator, value: Array) -> Array:
    """Another point, not far, at which no entry is zero by design; integers stay."""
    if value.dtype.kind != "f" or not np.isfinite(value).all():
        return value
    return value + ASIDE * scale_of(value) * signed(rng, value.shape, value.dtype)


def _look_at(evaluator: Evaluator, rng: np.random.Generator) -> tuple[str, bool]:
    """Why not, at one point; and whether real differences can hardly tell."""
    step, base = ComplexStep(evaluator), evaluator.base
    directions = {
        index: scale_of(value) * signed(rng, value.shape, np.dtype(float))[None]
        for index, value in enumerate(evaluator.values)
        # a mask may hold infinities: nothing is compared there
        if value.dtype.kind == "f" and value.size and np.isfinite(value).all()
    }
    if not directions:
        return "", False
    try:
        h, y = step.outputs(directions)
    except Exception as error:  # whatever it is, real numbers remain
        return f"forward cannot take complex numbers ({in_one_line(error)})", False
    if y.dtype.kind != "c":
        return _why_real(step, directions), False
    size = np.max(np.abs(base), initial=0)
    if not np.all(np.abs(y[0].real - base) <= 1e-9 * size):
        return "the real part of forward(complex(x)) differs from forward(x)", False
    slope = step.slopes_of(h, y)
    by_output = (y.imag / h).reshape(-1)
    if _agrees_at_a_glance(evaluator, directions, by_output, float(slope.terms[0])):
        return "", False
    real = Ladder(evaluator, rng, lowest=LOWEST, nudges=NUDGES).slopes(directions)
    doubt = ROUNDINGS * np.finfo(float).eps * slope.terms + real.noise
    agrees = np.all(np.abs(slope.value - real.value) <= doubt)
    is_vague = bool((real.noise > VAGUE * slope.terms).any())
    return "" if agrees else "the complex step disagrees with real differences", is_vague


def _agrees_at_a_glance(
    evaluator: Evaluator, directions: Directions, slope: Array, terms: float
) -> bool:
    """Do real differences say the same, output by output, that nothing else can agree with?

    At a few rungs of the ladder, and one order of truncation for all outputs. Where none agrees,
    nothing is known yet.

    Args:
        evaluator: of the subject.
        directions: one through each argument.
        slope: (number of outputs,) of the complex step.
        terms: sum of |dy * slope|.
    """
    dy, size = (np.abs(a).reshape(-1) for a in (evaluator.dy, evaluator.base))  # (outputs,)
    eps = float(np.finfo(float).eps)
    # an output that cancels is as rough as those beside it
    rounding = 2 * SAFETY * eps * np.maximum(size, np.median(size))  # (outputs,)
    own = ROUNDINGS * eps * np.abs(slope)  # (outputs,)
    below = np.full((len(NOISES), dy.size), np.nan)
    steps = 10.0 ** np.arange(*GLANCE)[:, None]  # (R, 1) of each argument's scale
    at_once = max(1, evaluator.chunk(*directions) // 2)
    for first in range(0, len(steps), at_once):
        part = steps[first : first + at_once]
        plus, minus = stepped(evaluator, directions, part, (1.0, -1.0))  # (R, 1, outputs)
        for step, move in zip(part, plus - minus, strict=True):
            (below,) = extrapolated(move / (2 * step), below)  # (orders, outputs)
            for order, noise in zip(below, NOISES, strict=True):
                doubt = rounding * (noise / step) + own  # (outputs,)
                is_close = doubt @ dy <= CLOSE * terms
                if is_close and ((np.abs(order - slope) <= doubt) | (dy == 0)).all():
                    return True
    return False


def _why_real(step: ComplexStep, directions: Directions) -> str:
    """Why no complex numbers came out: an exception, which counted as the edge of a domain?"""
    values = step.evaluator.values
    moved = {i: _moved(values[i], STEP * scale_of(values[i]), d)[0] for i, d in directions.items()}
    try:
        step.evaluator.output_at(moved)
    except Exception as error:  # whatever a forward pass raises
        return f"forward cannot take complex numbers ({in_one_line(error)})"
    return "the forward pass drops imaginary parts"
