"""Ops of the held-out corpus, right as they stand: several steps in one backward pass."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def gru_fwd(x: Array, h: Array, wx: Array, wh: Array, bias: Array) -> Any:
    n = h.shape[-1]
    fromx, fromh = x @ wx + bias, h @ wh
    r = sigmoid(fromx[..., :n] + fromh[..., :n])
    z = sigmoid(fromx[..., n : 2 * n] + fromh[..., n : 2 * n])
    c = np.tanh(fromx[..., 2 * n :] + r * fromh[..., 2 * n :])
    return (1 - z) * c + z * h, (x, h, wx, wh, r, z, c, fromh[..., 2 * n :])


def gru_bwd(dy: Array, saved: Any) -> Any:
    x, h, wx, wh, r, z, c, u = saved
    dz = dy * (h - c) * z * (1 - z)  # (B, H)
    dc = dy * (1 - z) * (1 - c**2)  # (B, H)
    dr = dc * u * r * (1 - r)  # (B, H)
    dfromx = np.concatenate([dr, dz, dc], axis=-1)  # (B, 3H)
    dfromh = np.concatenate([dr, dz, dc * r], axis=-1)  # (B, 3H)
    dh = dy * z + dfromh @ wh.T  # (B, H)
    return dfromx @ wx.T, dh, x.T @ dfromx, h.T @ dfromh, dfromx.sum(axis=0)


def skip_fwd(x: Array, w1: Array, w2: Array) -> Any:
    h = np.tanh(x @ w1)
    return x + h @ w2, (x, h, w1, w2)


def skip_bwd(dy: Array, saved: Any) -> Any:
    x, h, w1, w2 = saved
    dh = dy @ w2.T  # (B, F)
    da = dh * (1 - h**2)  # (B, F)
    dx = dy + da @ w1.T  # (B, D)
    dw1 = x.T @ da  # (D, F)
    dw2 = h.T @ dy  # (F, D)
    return dx, dw1, dw2


def mlp_fwd(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> Any:
    a = x @ w1 + b1
    h = np.log(1 + np.exp(a))
    return h @ w2 + b2, (x, a, h, w1, w2)


def mlp_bwd(dy: Array, saved: Any) -> Any:
    x, a, h, w1, w2 = saved
    dh = dy @ w2.T  # (B, F)
    da = dh * sigmoid(a)  # (B, F)
    dx = da @ w1.T  # (B, D)
    dw1 = x.T @ da  # (D, F)
    db1 = da.sum(axis=0)  # (F,)
    dw2 = h.T @ dy  # (F, E)
    db2 = dy.sum(axis=0)  # (E,)
    return dx, dw1, db1, dw2, db2


def lora_fwd(x: Array, weight: Array, down: Array, up: Array, *, scale: float) -> Any:
    inner = x @ down
    return x @ weight + scale * inner @ up, (x, weight, down, up, inner, scale)


def lora_bwd(dy: Array, saved: Any) -> Any:
    x, weight, down, up, inner, scale = saved
    dinner = scale * dy @ up.T  # (B, R)
    dx = dy @ weight.T + dinner @ down.T  # (B, D)
    dweight = x.T @ dy  # (D, E)
    ddown = x.T @ dinner  # (D, R)
    dup = scale * inner.T @ dy  # (R, E)
    return dx, dweight, ddown, dup


def tied_fwd(table: Array, ids: Array) -> Any:
    rows = table[ids]
    return rows @ table.T, (table, ids, rows)


def tied_bwd(dy: Array, saved: Any) -> Any:
    table, ids, rows = saved
    dtable = np.einsum("btv,btd->vd", dy, rows)  # (V, D)
    np.add.at(dtable, ids, dy @ table)
    return dtable


def gated_fwd(x: Array, wa: Array, wb: Array, wo: Array) -> Any:
    a, b = x @ wa, x @ wb
    g = sigmoid(a)
    return (g * b) @ wo, (x, g, b, wa, wb, wo)


def gated_bwd(dy: Array, saved: Any) -> Any:
    x, g, b, wa, wb, wo = saved
    dm = dy @ wo.T  # (B, F)
    da = dm * b * g * (1 - g)  # (B, F)
    db = dm * g  # (B, F)
    dx = da @ wa.T + db @ wb.T  # (B, D)
    dwa = x.T @ da  # (D, F)
    dwb = x.T @ db  # (D, F)
    dwo = (g * b).T @ dy  # (F, E)
    return dx, dwa, dwb, dwo


def self_attention_fwd(x: Array, wq: Array, wk: Array, wv: Array, wo: Array) -> Any:
    q, k, v = x @ wq, x @ wk, x @ wv  # (T, K)
    s = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    e = np.exp(s - s.real.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p @ v @ wo, (x, q, k, v, p, wq, wk, wv, wo)


def self_attention_bwd(dy: Array, saved: Any) -> Any:
    x, q, k, v, p, wq, wk, wv, wo = saved
    dwo = (p @ v).T @ dy
    do = dy @ wo.T  # (T, K)
    dv = p.T @ do  # (T, K)
    dp = do @ v.T  # (T, T)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / q.shape[-1] ** 0.5
    dq, dk = ds @ k, ds.T @ q
    dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
    return dx, x.T @ dq, x.T @ dk, x.T @ dv, dwo
