"""Rotary position embedding: rotate pairs of features by an angle that grows with the position.

Feature k is paired with feature k + K/2 (the "rotate-half" layout). Scores between rotated
queries and keys then depend on the distance of their positions only.

Source: Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding";
derivation in docs/derivations/rope.md.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from capstone._checks import check_axes, check_divisible, check_inexact, fail
from capstone._typing import Array

TABLE_ROWS = 64  # so that a text that grows by a token seldom needs a new table


class RopeSaved(NamedTuple):
    """What `rope_bwd` needs."""

    cos: Array  # (T, K)
    sin: Array  # (T, K)


def rope_fwd(x: Array, *, offset: int = 0, base: float = 10_000.0) -> tuple[Array, RopeSaved]:
    """Rotate the feature pairs of position t by `(offset + t) * base ** (-2 k / K)`.

    Args:
        x: (..., T, K) queries or keys, K even; any float or complex dtype.
        offset: position of the first row, in tokens.
        base: sets the slowest rotation.

    Returns:
        `(y, saved)` with y (..., T, K).

    Raises:
        UsageError: K is odd, the offset no whole number, or base not positive.
    """
    check_inexact("rope_fwd", x=x)
    check_axes("rope_fwd", "x", x, "T", "K")
    if not base > 0:
        fail("rope_fwd", "base must be positive", expected="base > 0", got=base)
    if not isinstance(offset, int | np.integer):
        fail("rope_fwd", "offset must be a whole number", expected="such as 3", got=repr(offset))
    *_, T, K = x.shape
    check_divisible("rope_fwd", "K", K, "2", 2)
    cos, sin = rotation(T, K, int(offset), base, x.real.dtype)
    return rotate(x, cos, sin), RopeSaved(cos, sin)


def rope_bwd(dy: Array, saved: RopeSaved) -> tuple[Array]:
    """Gradient of `rope_fwd`: rotate back.

    Args:
        dy: (..., T, K), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx,)` of shape (..., T, K).
    """
    cos, sin = saved
    # forward: y = R x with a rotation R, so dx = R^T dy, which is the rotation by minus the angle
    return (rotate(dy, cos, -sin),)


def rotate(x: Array, cos: Array, sin: Array) -> Array:
    """Rotate the pairs (x[k], x[k + K/2]) by the angles of `rotation`: whole rows at a time."""
    half = x.shape[-1] // 2
    partner = np.concatenate([x[..., half:], x[..., :half]], axis=-1)  # (..., T, K)
    partner *= sin
    y: Array = x * cos  # (..., T, K)
    y += partner
    return y


def rotation(
    T: int, K: int, offset: int, base: float, dtype: np.dtype[np.generic]
) -> tuple[Array, Array]:
    """What the features and their partners are multiplied by, (T, K) each; read-only.

    The first half of the sines is negated: y[k] = cos * x[k] - sin * x[k + K/2], and y[k + K/2] the
    same with a plus.
    """
    start = offset // TABLE_ROWS * TABLE_ROWS  # whole tables that cover the rows
    stop = -(-(offset + T) // TABLE_ROWS) * TABLE_ROWS
    cos, sin = _table(start, stop, K, base, dtype)  # (stop - start, K) each
    rows = slice(offset - start, offset - start + T)
    return cos[rows], sin[rows]


@lru_cache(maxsize=64)
def _table(
    start: int, stop: int, K: int, base: float, dtype: np.dtype[np.generic]
) -> tuple[Array, Array]:
    """That of the positions from `start` to `stop`, computed in float64 and rounded once."""
    frequency = base ** (-np.arange(0, K, 2) / K)  # (K/2,) radians a token
    angle = np.outer(np.arange(start, stop), frequency)  # (rows, K/2)
    cos, sin = np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)  # (rows, K/2) each
    cos, sin = np.concatenate([cos, cos], axis=-1), np.concatenate([-sin, sin], axis=-1)
    cos.flags.writeable = sin.flags.writeable = False
    return cos, sin
