"""Root-mean-square normalization: divide each row by its RMS, then scale by a gain.

Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization"; derivation in
docs/derivations/rmsnorm.md.
"""

import math
from typing import NamedTuple

import numpy as np

from capstone._checks import check_in_range, check_inexact, check_last_axes
from capstone._typing import Array
from capstone.ops.reduce import dot_rows, sum_leading


class RMSNormSaved(NamedTuple):
    """What `rmsnorm_bwd` needs."""

    xhat: Array  # (..., D) normalized rows
    rrms: Array  # (..., 1) reciprocal root mean square
    gain: Array  # (D,)


def rmsnorm_fwd(x: Array, gain: Array, *, eps: float = 1e-5) -> tuple[Array, RMSNormSaved]:
    """Normalize the last axis to a root mean square of 1 and multiply by `gain`.

    Args:
        x: (..., D), any float or complex dtype.
        gain: (..., D); leading axes are allowed in the forward pass only.
        eps: added to the mean square, inside the root; keeps a row of zeros finite.

    Returns:
        `(y, saved)` with y (..., D).

    Raises:
        UsageError: the last axes differ, eps is negative, or the arrays are not of
            floating-point numbers of one precision.
    """
    check_inexact("rmsnorm_fwd", x=x, gain=gain)
    check_in_range("rmsnorm_fwd", "eps", eps, 0, math.inf)
    check_last_axes("rmsnorm_fwd", "gain", gain, x.shape[-1])
    mean_square = dot_rows(x, x) / x.shape[-1]  # (..., 1)
    rrms = 1 / np.sqrt(mean_square + eps)  # (..., 1)
    xhat = x * rrms  # (..., D)
    return xhat * gain, RMSNormSaved(xhat, rrms, gain)


def rmsnorm_bwd(dy: Array, saved: RMSNormSaved) -> tuple[Array, Array]:
    """Gradients of `rmsnorm_fwd`.

    Args:
        dy: (..., D), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx, dgain)` of shapes (..., D) and (D,).
    """
    xhat, rrms, gain = saved
    # forward: y = xhat * gain
    dgain = sum_leading(dy * xhat, 1)  # (D,)
    dxhat = dy * gain  # (..., D)
    # forward: xhat = x * rrms, where rrms depends on every entry of its row
    projection = dot_rows(dxhat, xhat) / xhat.shape[-1]  # (..., 1)
    dx = rrms * (dxhat - xhat * projection)  # (..., D)
    return dx, dgain
