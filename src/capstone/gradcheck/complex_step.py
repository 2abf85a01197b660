"""The complex step: derivatives without cancellation, good to the last digits.

For an analytic f, `Im f(x + i h v) / h` is the derivative along v up to terms of order h**2.
Nothing is subtracted, so h may be 1e-30 and the result is exact to rounding.

Source: Squire and Trapp 1998, "Using Complex Variables to Estimate Derivatives of Real Functions".
"""

import warnings

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric import Evaluator, Slopes, scale_of
from capstone.gradcheck.probes import signed

STEP = 1e-30  # of the argument's scale: its square vanishes beside 1, products stay normal numbers
COARSE_STEP = 1e-5  # of the scale, for the one central difference that must agree roughly
COARSE_AGREEMENT = 1e-3  # of the size of the terms: a dropped imaginary part is off by far more


class ComplexStep:
    """Differentiates an analytic forward pass.

    Args:
        evaluator: of the subject, at a point of float64 values.
    """

    name = "complex step"

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def slopes(self, index: int, directions: Array) -> Slopes:
        """Derivatives along `directions` (P, *shape) of argument number `index`."""
        value, dy = self.evaluator.values[index], self.evaluator.dy
        step = STEP * scale_of(value)
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            y = self.evaluator.outputs(index, value + 1j * step * directions)  # (P, *y.shape)
        moved = (y.imag / step).reshape(len(directions), -1)  # (P, number of outputs)
        products = moved * dy.reshape(-1)
        terms = np.abs(products).sum(axis=1)
        is_silent = np.asarray(~moved.any(axis=1))
        return Slopes(products.sum(axis=1), np.zeros(len(terms)), terms, is_silent)


def why_not_complex(evaluator: Evaluator, rng: np.random.Generator) -> str:
    """Why the complex step cannot be trusted here; empty if it can.

    What to fear are dropped imaginary parts: `abs`, comparisons, `float()`, real buffers.
    """
    step = ComplexStep(evaluator)
    base = evaluator.output(evaluator.values)
    for index, value in enumerate(evaluator.values):
        if value.dtype.kind != "f" or not value.size:
            continue
        direction = signed(rng, value.shape, np.dtype(float))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                (y,) = evaluator.outputs(index, (value + 0j)[None])
            slope = step.slopes(index, direction[None])
        except Exception as error:  # whatever it is, real numbers remain
            return f"forward cannot take complex numbers ({type(error).__name__}: {error})"
        size = np.max(np.abs(base), initial=0)
        if y.shape != base.shape or not np.all(np.abs(y.real - base) <= 1e-9 * size):
            return "the real part of forward(complex(x)) differs from forward(x)"
        coarse, doubt = central_difference(evaluator, index, direction)
        if not abs(coarse - slope.value[0]) <= COARSE_AGREEMENT * slope.terms[0] + doubt:
            return "the complex step disagrees with a coarse central difference"
    return ""


def central_difference(evaluator: Evaluator, index: int, direction: Array) -> tuple[float, float]:
    """A rough slope along one direction, and how far rounding may have moved it."""
    value, dy = evaluator.values[index], evaluator.dy
    step = COARSE_STEP * scale_of(value)
    plus, minus = evaluator.outputs(
        index, np.stack([value + step * direction, value - step * direction])
    )
    slope = float((dy * (plus - minus)).sum()) / (2 * step)
    rounding = 64 * np.finfo(float).eps * float(np.abs(dy * plus).sum()) / step
    return slope, rounding
