"""Softmax over the last axis, with hidden entries.

Derivation in docs/derivations/softmax.md.
"""

from typing import NamedTuple

import numpy as np

from capstone._checks import check_inexact, fail
from capstone._typing import Array
from capstone.ops.reduce import dot_rows, sum_rows


class SoftmaxSaved(NamedTuple):
    """What `softmax_bwd` needs."""

    y: Array  # (..., V) probabilities


def softmax_fwd(x: Array, *, hidden: Array | None = None) -> tuple[Array, SoftmaxSaved]:
    """Exponentials that sum to 1 along the last axis; hidden entries get exactly 0.

    Args:
        x: (..., V), any float or complex dtype.
        hidden: boolean, broadcastable to x: True where an entry takes no part. A row that is
            hidden altogether becomes zeros, and so does its gradient.

    Returns:
        `(y, saved)` with y (..., V).

    Raises:
        UsageError: x is not of floating-point numbers, or hidden not of booleans.
    """
    check_inexact("softmax_fwd", x=x)
    y = x.copy()  # (..., V)
    if hidden is not None:
        if np.asarray(hidden).dtype != bool:
            rule, got = "hidden must be boolean", np.asarray(hidden).dtype
            fail("softmax_fwd", rule, expected="True where an entry takes no part", got=got)
        np.copyto(y, -np.inf, where=hidden)
    # The shift cancels in the quotient; its real part alone suffices, and never overflows.
    lowest = np.finfo(y.dtype).min  # so that a row of minus infinities stays that, and is not NaN
    peak = y.real.max(axis=-1, keepdims=True, initial=lowest)  # (..., 1)
    y -= peak
    np.exp(y, out=y)
    total = sum_rows(y)  # (..., 1)
    total[total == 0] = 1
    y /= total
    return y, SoftmaxSaved(y)


def softmax_bwd(dy: Array, saved: SoftmaxSaved) -> tuple[Array]:
    """Gradient of `softmax_fwd`.

    Args:
        dy: (..., V), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx,)` of shape (..., V); each row sums to 0, hidden entries are 0.
    """
    (y,) = saved
    # forward: y_i = exp(x_i) / sum_j exp(x_j), so dy_i/dx_j = y_i (1[i = j] - y_j)
    dx = dy - dot_rows(dy, y)  # (..., V)
    dx *= y
    return (dx,)
