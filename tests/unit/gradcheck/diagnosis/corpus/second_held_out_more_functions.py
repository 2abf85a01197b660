"""More small functions for the second held-out set: masks, sizes, products."""

from typing import Any

import numpy as np

from capstone._typing import Array

Saved = tuple[Any, ...]


def weight_norm_fwd(v: Array, g: Array) -> tuple[Array, Saved]:
    norm = np.sqrt((v * v).sum(axis=0))
    return g * v / norm, (v, g, norm)


def weight_norm_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    v, g, norm = saved
    unit = v / norm
    along = (dy * unit).sum(axis=0)
    dv = g / norm * (dy - unit * along)
    return dv, along


def drop_fwd(x: Array, is_kept: Array, *, keep: float) -> tuple[Array, Saved]:
    return x * is_kept / keep, (is_kept, keep)


def drop_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    is_kept, keep = saved
    return (dy * is_kept / keep,)


def average_fwd(x: Array, lengths: Array) -> tuple[Array, Saved]:
    """Mean over the first `lengths[b]` of T rows: (B, T, D) to (B, D)."""
    is_inside = np.arange(x.shape[1]) < lengths[:, None]
    y = (x * is_inside[..., None]).sum(axis=1) / lengths[:, None]
    return y, (is_inside, lengths)


def average_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    is_inside, lengths = saved
    dx = dy[:, None] * is_inside[..., None] / lengths[:, None, None]
    return (dx,)


def blend_fwd(a: Array, b: Array, t: Array) -> tuple[Array, Saved]:
    return a + t * (b - a), (a, b, t)


def blend_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    a, b, t = saved
    da = dy * (1 - t)
    db = dy * t
    dt = dy * (b - a)
    return da, db, dt


def log_sigmoid_fwd(x: Array) -> tuple[Array, Saved]:
    s = 0.5 * (1 + np.tanh(0.5 * x))
    return np.log(s), (s,)


def log_sigmoid_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    (s,) = saved
    return (dy * (1 - s),)


def row_product_fwd(x: Array) -> tuple[Array, Saved]:
    y = x.prod(axis=1)
    return y, (x, y)


def row_product_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, y = saved  # noqa: RUF059  # planted bugs use all
    columns = [np.delete(x, j, axis=1).prod(axis=1) for j in range(x.shape[1])]
    others = np.stack(columns, axis=1)
    return (dy[:, None] * others,)
