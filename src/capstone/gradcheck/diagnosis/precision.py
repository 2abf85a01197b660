"""Errors that a lower precision leaves behind."""

from collections.abc import Callable

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence

LEAST = 6  # entries that a lower precision must explain
NEAR = 32.0  # eps: numbers farther from the true ones are no roundings of them
SPARED = 1 / 64  # eps: a computation in that precision errs by more somewhere
BFLOAT16_BITS = 16  # of a float32 that bfloat16 drops


def _to_bfloat16(array: Array) -> Array:
    """Rounded to bfloat16, as float64."""
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    half = np.uint64((1 << (BFLOAT16_BITS - 1)) - 1)
    odd = (bits >> np.uint64(BFLOAT16_BITS)) & np.uint64(1)
    kept = ((bits + half + odd) >> np.uint64(BFLOAT16_BITS)) << np.uint64(BFLOAT16_BITS)
    return np.asarray(kept.astype(np.uint32).view(np.float32).astype(float))


ROUNDED: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "bfloat16": (2.0**-7, _to_bfloat16),
    "float16": (2.0**-10, lambda array: array.astype(np.float16).astype(float)),
    "float32": (2.0**-23, lambda array: array.astype(np.float32).astype(float)),
}
"""Name of a format: its eps and how numbers become numbers of that format."""


def rounded(e: Evidence) -> str:
    """Every entry is a number of a lower precision than the argument's, near the true one."""
    own = float(np.finfo(e.value.dtype).eps)
    distance = float(np.abs(e.error).max()) / float(np.abs(e.numeric).max())
    for name, (eps, convert) in ROUNDED.items():
        is_lower = eps > own and e.analytic.size >= LEAST and distance <= NEAR * eps
        if is_lower and np.array_equal(convert(e.analytic), e.analytic):
            return f"every entry is a {name} number next to the true one: something casts to it"
    return ""


def rounded_inside(e: Evidence) -> str:
    """Errors of the size of single-precision rounding, in most entries, of both signs."""
    eps, _ = ROUNDED["float32"]
    distance = float(np.abs(e.error).max()) / float(np.abs(e.numeric).max())
    is_sized = SPARED * eps <= distance <= NEAR / 8 * eps
    is_spread = e.is_wrong.sum() > 0.8 * max(LEAST, e.is_wrong.size)
    has_both_signs = (e.error > 0).any() and (e.error < 0).any()
    if not (is_sized and is_spread and has_both_signs and e.value.dtype == np.float64):
        return ""
    return f"errors of {distance:.0e} throughout, as float32 leaves them: is float32 used inside?"
