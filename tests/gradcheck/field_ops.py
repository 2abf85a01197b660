"""Ops that the transformer does not use, because public code got their gradients wrong.

Each is right as it stands; `mutants.py` plants the published mistakes.
"""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def layernorm_fwd(
    x: Array, gain: Array, bias: Array, *, eps: float = 1e-5
) -> tuple[Array, tuple[Array, ...]]:
    centered = x - x.mean(axis=-1, keepdims=True)  # (..., D)
    rstd = 1 / np.sqrt((centered * centered).mean(axis=-1, keepdims=True) + eps)  # (..., 1)
    xhat = centered * rstd  # (..., D)
    return xhat * gain + bias, (xhat, rstd, gain)


def layernorm_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    xhat, rstd, gain = saved
    lead = tuple(range(dy.ndim - 1))
    dxhat = dy * gain  # (..., D)
    mean = dxhat.mean(axis=-1, keepdims=True)  # (..., 1)
    projection = (dxhat * xhat).mean(axis=-1, keepdims=True)  # (..., 1)
    dx = rstd * (dxhat - mean - xhat * projection)  # (..., D)
    return dx, (dy * xhat).sum(axis=lead), dy.sum(axis=lead)


SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu_fwd(x: Array) -> tuple[Array, Array]:
    return 0.5 * x * (1 + np.tanh(SLOPE * (x + CUBIC * x * x * x))), x


def gelu_bwd(dy: Array, x: Array) -> Array:
    t = np.tanh(SLOPE * (x + CUBIC * x * x * x))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SLOPE * (1 + 3 * CUBIC * x * x))


def erf_gelu_slope(x: Array) -> Array:
    """Derivative of the other GELU, `x * Phi(x)`."""
    phi = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) + x * phi


KEPT = 0.75


def dropout_fwd(x: Array, *, seed: int = 3) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    mask = np.broadcast_to(rng.random(x.shape[-2:]) < KEPT, x.shape)  # (..., T, D)
    return x * mask / KEPT, mask


def dropout_bwd(dy: Array, mask: Array) -> Array:
    return dy * mask / KEPT
