"""Explanations by the upstream gradient: the wrong result is right for another one.

A gradient is linear in dy. With the derivative of every output at hand, the one that a part of dy
gives, or dy in another order, is a product away.
"""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.orders import readings
from capstone.gradcheck.diagnosis.phrases import factor_in_words, listed

LONGEST = 32  # axis of dy along which weights are sought
LEAST = 4  # entries that must agree where nothing is fitted
SPARE = 2  # entries that must agree beside those that fix the weights
DECIMALS = 6  # of fitted weights: nearer to 0 or 1 they are 0 or 1
ZERO = 10.0**-DECIMALS


def partial(e: Evidence) -> str:
    """Right if the slices of dy along an axis counted otherwise, as when only the first does."""
    jacobian = e.jacobian() if e.is_clear and e.dy.size > 1 else None
    if jacobian is None:
        return ""
    products = jacobian * e.dy  # (entries, *dy.shape)
    for axis, size in enumerate(e.dy.shape):
        others = tuple(i + 1 for i in range(e.dy.ndim) if i != axis)
        by_slice = products.sum(axis=others)  # (entries, size)
        found = _one_index(by_slice, axis, e)
        if found:
            return found
        if not 1 < size <= min(LONGEST, len(by_slice) - SPARE):
            continue
        weights = np.linalg.lstsq(by_slice, e.analytic.reshape(-1), rcond=None)[0]
        if e.fits((by_slice @ weights).reshape(e.numeric.shape)):
            return _weights_in_words(weights, axis)
    return ""


def _one_index(by_slice: Array, axis: int, e: Evidence) -> str:
    """Weights that need no fit: one index alone, or all but one."""
    entries, size = by_slice.shape
    if not 1 < size <= LONGEST or entries <= SPARE:
        return ""
    whole = by_slice.sum(axis=1)
    for one in np.eye(size):
        alone = by_slice @ one
        for weights, guess in ((one, alone), (1 - one, whole - alone)):
            if e.fits(guess.reshape(e.numeric.shape)):
                return _weights_in_words(weights, axis)
    return ""


def _weights_in_words(weights: Array, axis: int) -> str:
    lost = np.flatnonzero(np.abs(weights) < ZERO)
    kept = np.flatnonzero(np.abs(weights - 1) < ZERO)
    if len(lost) + len(kept) < len(weights):
        shown = listed([factor_in_words(round(float(w), DECIMALS) + 0.0, 3) for w in weights], 4)
        return f"right if the slices of dy along axis {axis} counted {shown} times"
    if len(kept) == len(weights):
        return ""  # to rounding, which is another matter
    few, verb = (kept, "only at") if len(kept) <= len(lost) else (lost, "at all but")
    name = "index" if len(few) == 1 else "indices"
    words = f"{verb} {name} {listed([int(i) for i in few])} of axis {axis}"
    return f"right if dy counted {words}: is a part of the sum left out?"


def moved(e: Evidence) -> str:
    """Right for dy reversed, rolled, transposed or otherwise out of order."""
    jacobian = e.jacobian() if e.is_clear and e.dy.size > 1 else None
    if jacobian is None:
        return ""
    flat = jacobian.reshape(len(jacobian), -1)  # (entries, outputs)
    for words, other in _moves(e.dy):
        if e.fits((flat @ other.reshape(-1)).reshape(e.numeric.shape)):
            is_summed = words == "transposed" and e.whole.ndim < e.dy.ndim
            hint = ", or summed over the wrong axis" if is_summed else ""
            return f"right for dy {words}: is dy in another order than the output{hint}?"
    for axis in range(e.dy.ndim):
        turned = (flat @ np.flip(e.dy, axis).reshape(-1)).reshape(e.numeric.shape)
        for own in range(e.numeric.ndim if e.grid is None else 0):
            if e.numeric.shape[own] == e.dy.shape[axis] > 1 and e.fits(np.flip(turned, own)):
                words = f"right for dy reversed along axis {axis} if reversed along axis {own} too"
                return f"{words}: are both flips missing?"
    return ""


def reassigned(e: Evidence) -> str:
    """Right for dy with its slices along an axis in any other order, or some of them twice."""
    jacobian = e.jacobian() if e.is_clear and e.dy.size > 1 else None
    if jacobian is None:
        return ""
    for axis, size in enumerate(e.dy.shape):
        if not 2 < size * size <= e.numeric.size - SPARE:
            continue
        slots = np.moveaxis(jacobian, axis + 1, 1).reshape(e.numeric.size, size, -1)
        slices = np.moveaxis(e.dy, axis, 0).reshape(size, -1)
        columns = (slots @ slices.T).reshape(e.numeric.size, -1)  # slot by slice
        weights = np.linalg.lstsq(columns, e.analytic.reshape(-1), rcond=None)[0]
        taken = weights.reshape(size, size).argmax(axis=1)
        picks = np.eye(size)[taken]
        is_pick = np.abs(weights - picks.reshape(-1)).max() < ZERO
        if is_pick and e.fits((columns @ picks.reshape(-1)).reshape(e.numeric.shape)):
            order = f"with its slices along axis {axis} in the order {listed(taken.tolist(), 8)}"
            return f"right for dy {order}: is dy in another order than the output?"
    return ""


def forward_again(e: Evidence) -> str:
    """The forward derivative along dy, as `P @ dy` for `P.T @ dy`."""
    has_shape = e.dy.shape == e.whole.shape and e.whole.size >= LEAST and e.grid is None
    jacobian = e.jacobian() if has_shape and e.is_clear else None
    if jacobian is None:
        return ""
    along = np.tensordot(e.dy.reshape(-1), jacobian, 1)  # what the forward pass makes of dy
    if not e.fits(along):
        return ""
    return "analytic = what the forward pass makes of dy: is what it multiplies by not transposed?"


def _moves(dy: Array) -> Iterator[tuple[str, Array]]:
    """dy in other orders, each with its name."""
    for axis, size in enumerate(dy.shape):
        if size > 1:
            yield f"reversed along axis {axis}", np.flip(dy, axis)
        for by in sorted(range(-(size // 2), size // 2 + 1), key=abs)[1:] if size > 1 else ():
            if size <= LONGEST and 2 * by != -size:
                yield f"rolled by {by} along axis {axis}", np.roll(dy, by, axis)
        yield from ((words, read(dy)) for words, read in readings(size, axis))
    if dy.ndim > 1:
        is_square = dy.shape[-1] == dy.shape[-2]
        words = "transposed" if is_square else "transposed, then reshaped to fit"
        yield words, dy.swapaxes(-1, -2).reshape(dy.shape)
    if dy.ndim > 2:
        swapped = dy.swapaxes(-2, -3)
        for axes in (swapped.reshape(dy.shape), dy.reshape(swapped.shape).swapaxes(-2, -3)):
            yield f"with axes {dy.ndim - 3} and {dy.ndim - 2} read in the other order", axes
