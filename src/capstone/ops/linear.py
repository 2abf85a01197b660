"""Linear map: `y = x @ weight + bias`.

Source: any text on matrix calculus; derivation in docs/derivations/linear.md.
"""

from typing import NamedTuple

import numpy as np

from capstone._checks import check_axes, check_inexact, check_last_axes
from capstone._typing import Array
from capstone.ops.reduce import as_matrix, sum_leading


class LinearSaved(NamedTuple):
    """What `linear_bwd` needs."""

    x: Array  # (..., D)
    weight: Array  # (D, F)
    has_bias: bool


def linear_fwd(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, LinearSaved]:
    """Multiply the last axis by a matrix and add a bias.

    Args:
        x: (..., D), any float or complex dtype.
        weight: (..., D, F); leading axes are allowed in the forward pass only.
        bias: (..., F), or None for none.

    Returns:
        `(y, saved)` with y (..., F).

    Raises:
        UsageError: an axis does not fit, or an array is not of floating-point numbers.
    """
    check_inexact("linear_fwd", x=x, weight=weight)
    check_axes("linear_fwd", "weight", weight, "D", "F")
    *_, D, F = weight.shape
    check_last_axes("linear_fwd", "x", x, D)
    y = matmul_last(x, weight)  # (..., F)
    if bias is not None:
        check_inexact("linear_fwd", x=x, bias=bias)
        check_last_axes("linear_fwd", "bias", bias, F)
        y = y + bias  # (..., F)
    return y, LinearSaved(x, weight, bias is not None)


def linear_bwd(dy: Array, saved: LinearSaved) -> tuple[Array, ...]:
    """Gradients of `linear_fwd`.

    Args:
        dy: (..., F), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx, dweight)`, and `dbias` as a third if there was a bias.
    """
    x, weight, has_bias = saved
    # forward: y = x @ weight + bias
    dx = matmul_last(dy, weight.T)  # (..., D)
    dweight = as_matrix(x).T @ as_matrix(dy)  # (D, F)
    if not has_bias:
        return dx, dweight
    return dx, dweight, sum_leading(dy, 1)


def matmul_last(x: Array, weight: Array) -> Array:
    """`x @ weight`; a plain matrix meets all leading axes of `x` in one product.

    One large product is several times faster than NumPy's loop over a stack of small ones.
    """
    if weight.ndim > 2:
        return np.asarray(x @ weight)  # (..., F)
    y: Array = as_matrix(x) @ weight  # (N, F)
    return y.reshape(*x.shape[:-1], weight.shape[-1])  # (..., F)
