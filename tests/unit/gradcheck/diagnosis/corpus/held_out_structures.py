"""Ops of the held-out corpus, right as they stand: what moves, gathers, and multiplies."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def conv1d_fwd(x: Array, weight: Array, bias: Array, *, stride: int, pad: int) -> Any:
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    K = weight.shape[-1]
    n = (padded.shape[-1] - K) // stride + 1
    taps = [padded[:, :, k : k + stride * (n - 1) + 1 : stride] for k in range(K)]
    windows = np.stack(taps, axis=-1)  # (B, I, n, K)
    y = np.einsum("bilk,oik->bol", windows, weight) + bias[:, None]
    return y, (windows, weight, padded.shape, stride, pad)


def conv1d_bwd(dy: Array, saved: Any) -> Any:
    windows, weight, shape, stride, pad = saved
    dpadded = np.zeros(shape)  # (B, I, L + 2 pad)
    n = dy.shape[-1]
    for k in range(weight.shape[-1]):
        place = slice(k, k + stride * (n - 1) + 1, stride)
        dpadded[:, :, place] += np.einsum("bol,oi->bil", dy, weight[:, :, k])
    dx = dpadded[:, :, pad : shape[-1] - pad]  # (B, I, L)
    dweight = np.einsum("bol,bilk->oik", dy, windows)  # (O, I, K)
    dbias = dy.sum(axis=(0, 2))  # (O,)
    return dx, dweight, dbias


def average_pool_fwd(x: Array, *, width: int) -> Any:
    B, C, L = x.shape
    return x.reshape(B, C, L // width, width).mean(axis=-1), width


def average_pool_bwd(dy: Array, width: int) -> Any:
    dx = np.repeat(dy, width, axis=-1) / width  # (B, C, L)
    return dx


def max_pool_fwd(x: Array, *, width: int) -> Any:
    B, C, L = x.shape
    windows = x.reshape(B, C, L // width, width)
    best = windows.real.argmax(axis=-1)[..., None]
    return np.take_along_axis(windows, best, axis=-1)[..., 0], (best, width)


def max_pool_bwd(dy: Array, saved: Any) -> Any:
    best, width = saved
    dx = np.zeros((*dy.shape, width))  # (B, C, n, width)
    np.put_along_axis(dx, best, dy[..., None], axis=-1)
    return dx.reshape(*dy.shape[:2], width * dy.shape[2])  # (B, C, L)


def scaled_lookup_fwd(table: Array, ids: Array) -> Any:
    scale = table.shape[-1] ** 0.5
    return table[ids] * scale * (ids > 0)[..., None], (ids, scale, table.shape)


def scaled_lookup_bwd(dy: Array, saved: Any) -> Any:
    ids, scale, shape = saved
    dtable = np.zeros(shape)  # (V, D)
    rows = dy * scale * (ids > 0)[..., None]  # (B, T, D)
    np.add.at(dtable, ids, rows)
    return dtable


def gather_fwd(x: Array, order: Array) -> Any:
    return x[:, order], (order, x.shape)


def gather_bwd(dy: Array, saved: Any) -> Any:
    order, shape = saved
    dx = np.zeros(shape)  # (B, T, D)
    np.add.at(dx, (slice(None), order), dy)
    return dx


def reorder_fwd(x: Array, order: Array) -> Any:
    return x[order] * 1.5, order


def reorder_bwd(dy: Array, order: Array) -> Any:
    return 1.5 * dy[np.argsort(order)]


def segment_sum_fwd(x: Array, segments: Array) -> Any:
    y = np.zeros((4, x.shape[-1]), x.dtype)
    np.add.at(y, segments, x)
    return y, segments


def segment_sum_bwd(dy: Array, segments: Array) -> Any:
    return dy[segments].copy()


def grouped_attention_fwd(q: Array, k: Array, v: Array) -> Any:
    *lead, H, T, K = q.shape
    split = q.reshape(*lead, k.shape[-3], H // k.shape[-3], T, K)
    s = np.einsum("...hgtk,...hsk->...hgts", split, k) / K**0.5
    e = np.exp(s - s.real.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    y = np.einsum("...hgts,...hsk->...hgtk", p, v)
    return y.reshape(*y.shape[:-4], H, T, K), (split, k, v, p)


def grouped_attention_bwd(dy: Array, saved: Any) -> Any:
    q, k, v, p = saved
    scale = q.shape[-1] ** -0.5
    dout = dy.reshape(q.shape)  # (B, H, G, T, K)
    dv = np.einsum("bhgts,bhgtk->bhsk", p, dout)
    dp = np.einsum("bhgtk,bhsk->bhgts", dout, v)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))  # (B, H, G, T, S)
    dq = np.einsum("bhgts,bhsk->bhgtk", ds, k) * scale
    dk = np.einsum("bhgts,bhgtk->bhsk", ds, q) * scale
    return dq.reshape(dy.shape), dk, dv


def half_rotation_fwd(x: Array, *, offset: int) -> Any:
    T, K = x.shape[-2:]
    angles = np.outer(np.arange(T) + offset, 10.0 ** (-np.arange(K // 2) / 2))  # (T, K/2)
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[..., : K // 2], x[..., K // 2 :]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1), (cos, sin)


def half_rotation_bwd(dy: Array, saved: Any) -> Any:
    cos, sin = saved
    half = cos.shape[-1]
    du, dw = dy[..., :half], dy[..., half:]  # (B, T, K/2)
    da = du * cos + dw * sin
    db = dw * cos - du * sin
    return np.concatenate([da, db], axis=-1)


def running_sum_fwd(x: Array) -> Any:
    return np.cumsum(x, axis=-1), None


def running_sum_bwd(dy: Array, saved: Any) -> Any:
    flipped = np.cumsum(dy[:, ::-1], axis=-1)
    return flipped[:, ::-1].copy()


def bilinear_fwd(x: Array, z: Array, weight: Array) -> Any:
    return np.einsum("bi,oij,bj->bo", x, weight, z), (x, z, weight)


def bilinear_bwd(dy: Array, saved: Any) -> Any:
    x, z, weight = saved
    dx = np.einsum("bo,oij,bj->bi", dy, weight, z)
    dz = np.einsum("bo,oij,bi->bj", dy, weight, x)
    dweight = np.einsum("bo,bi,bj->oij", dy, x, z)
    return dx, dz, dweight


def pair_fwd(a: Array, b: Array) -> Any:
    return np.concatenate([2 * a, 3 * b], axis=-1), a.shape[-1]


def pair_bwd(dy: Array, n: int) -> Any:
    da = 2 * dy[:, :n]
    db = 3 * dy[:, n:]
    return da, db


def larger_fwd(a: Array, b: Array) -> Any:
    return np.where(a.real > b.real, a, b), a > b


def larger_bwd(dy: Array, is_first: Array) -> Any:
    da = dy * is_first
    db = dy * ~is_first
    return da, db


def upsample_fwd(x: Array, *, times: int) -> Any:
    return np.repeat(x, times, axis=1), times


def upsample_bwd(dy: Array, times: int) -> Any:
    B, L, D = dy.shape
    return dy.reshape(B, L // times, times, D).sum(axis=2)
