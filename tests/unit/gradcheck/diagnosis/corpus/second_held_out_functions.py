"""Small functions with right backward passes, into which the second held-out set plants bugs."""

from typing import Any

import numpy as np

from capstone._typing import Array

Saved = tuple[Any, ...]
GELU_SCALE, GELU_CUBE = np.sqrt(2 / np.pi), 0.044715


def batch_norm_fwd(x: Array, gain: Array, bias: Array) -> tuple[Array, Saved]:
    centered = x - x.mean(axis=0)
    rstd = 1 / np.sqrt((centered * centered).mean(axis=0) + 1e-5)
    xhat = centered * rstd
    return xhat * gain + bias, (xhat, rstd, gain)


def batch_norm_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    xhat, rstd, gain = saved
    dxhat = dy * gain
    spread = (dxhat * xhat).mean(axis=0)
    dx = rstd * (dxhat - dxhat.mean(axis=0) - xhat * spread)
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def group_norm_fwd(x: Array, gain: Array, bias: Array, *, groups: int) -> tuple[Array, Saved]:
    B, C, T = x.shape
    grouped = x.reshape(B, groups, C // groups, T)
    centered = grouped - grouped.mean(axis=(2, 3), keepdims=True)
    rstd = 1 / np.sqrt((centered * centered).mean(axis=(2, 3), keepdims=True) + 1e-5)
    xhat = centered * rstd
    y = xhat.reshape(B, C, T) * gain[:, None] + bias[:, None]
    return y, (xhat, rstd, gain)


def group_norm_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    xhat, rstd, gain = saved
    dxhat = (dy * gain[:, None]).reshape(xhat.shape)
    center = dxhat.mean(axis=(2, 3), keepdims=True)
    spread = (dxhat * xhat).mean(axis=(2, 3), keepdims=True)
    dx = rstd * (dxhat - center - xhat * spread)
    dgain = (dy * xhat.reshape(dy.shape)).sum(axis=(0, 2))
    return dx.reshape(dy.shape), dgain, dy.sum(axis=(0, 2))


def log_sum_exp_fwd(x: Array) -> tuple[Array, Saved]:
    peak = x.real.max(axis=-1, keepdims=True)
    e = np.exp(x - peak)
    total = e.sum(axis=-1, keepdims=True)
    return (np.log(total) + peak)[..., 0], (e, total)


def log_sum_exp_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    e, total = saved
    return (dy[..., None] * e / total,)


def pool_fwd(x: Array, *, width: int) -> tuple[Array, Saved]:
    windows = x.reshape(*x.shape[:-1], -1, width)
    winner = windows.real.argmax(axis=-1)[..., None]
    return np.take_along_axis(windows, winner, axis=-1)[..., 0], (windows.shape, winner)


def pool_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    shape, winner = saved
    dx = np.zeros(shape, dy.dtype)
    np.put_along_axis(dx, winner, dy[..., None], axis=-1)
    return (dx.reshape(*shape[:-2], -1),)


def convolve_fwd(x: Array, w: Array, bias: Array) -> tuple[Array, Saved]:
    K = w.shape[-1]
    n = x.shape[-1] - K + 1
    taps = [np.einsum("bct,oc->bot", x[:, :, i : i + n], w[:, :, i]) for i in range(K)]
    return sum(taps) + bias[:, None], (x, w)


def convolve_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, w = saved
    K, n = w.shape[-1], dy.shape[-1]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(K):
        dx[:, :, i : i + n] += np.einsum("bot,oc->bct", dy, w[:, :, i])
        dw[:, :, i] = np.einsum("bot,bct->oc", dy, x[:, :, i : i + n])
    return dx, dw, dy.sum(axis=(0, 2))


def gelu_fwd(x: Array) -> tuple[Array, Saved]:
    t = np.tanh(GELU_SCALE * (x + GELU_CUBE * x**3))
    return 0.5 * x * (1 + t), (x, t)


def gelu_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, t = saved
    inner = GELU_SCALE * (1 + 3 * GELU_CUBE * x**2)
    slope = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner
    return (dy * slope,)


def similarity_fwd(a: Array, b: Array) -> tuple[Array, Saved]:
    na, nb = np.sqrt((a * a).sum(axis=-1)), np.sqrt((b * b).sum(axis=-1))
    c = (a * b).sum(axis=-1) / (na * nb)
    return c, (a, b, na[:, None], nb[:, None], c[:, None])


def similarity_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    a, b, na, nb, c = saved
    dc = dy[:, None]
    da = dc * (b / (na * nb) - c * a / na**2)
    db = dc * (a / (na * nb) - c * b / nb**2)
    return da, db


def robust_fwd(guess: Array, target: Array, *, delta: float) -> tuple[Array, Saved]:
    r = guess - target
    size = np.where(r.real < 0, -r, r)
    y = np.where(size.real <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return y, (r, delta)


def robust_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    r, delta = saved
    dr = dy * np.where(np.abs(r) <= delta, r, delta * np.sign(r))
    return dr, -dr


def form_fwd(x: Array, a: Array, z: Array) -> tuple[Array, Saved]:
    return ((x @ a) * z).sum(axis=-1), (x, a, z)


def form_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, a, z = saved
    scaled = dy[:, None]
    dx = scaled * (z @ a.T)
    da = (scaled * x).T @ z
    dz = scaled * (x @ a)
    return dx, da, dz


def accumulate_fwd(x: Array) -> tuple[Array, Saved]:
    return np.cumsum(x, axis=1), ()


def accumulate_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    dx = np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]
    return (dx,)


def sinc_fwd(x: Array) -> tuple[Array, Saved]:
    y = np.sin(x) / x
    return y, (x, y)


def sinc_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, y = saved
    return (dy * (np.cos(x) - y) / x,)


def sort_fwd(x: Array) -> tuple[Array, Saved]:
    order = np.argsort(x.real, axis=1)
    return np.take_along_axis(x, order, axis=1), (order,)


def sort_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    (order,) = saved
    dx = np.empty_like(dy)
    np.put_along_axis(dx, order, dy, axis=1)
    return (dx,)


def outer_fwd(a: Array, b: Array) -> tuple[Array, Saved]:
    return a[:, None] * b, (a, b)


def outer_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    a, b = saved
    da = (dy * b).sum(axis=1)
    db = (dy * a[:, None]).sum(axis=0)
    return da, db


def softcap_fwd(x: Array, *, cap: float) -> tuple[Array, Saved]:
    t = np.tanh(x / cap)
    return cap * t, (x, t, cap)


def softcap_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, t, cap = saved  # noqa: RUF059  # planted bugs use all
    dx = dy * (1 - t * t)
    return (dx,)


def adapter_fwd(x: Array, w: Array, a: Array, b: Array, *, scale: float) -> tuple[Array, Saved]:
    low = x @ a
    return x @ w + scale * (low @ b), (x, w, a, b, low, scale)


def adapter_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    x, w, a, b, low, scale = saved
    dlow = scale * (dy @ b.T)
    dw, da = x.T @ dy, x.T @ dlow
    db = scale * (low.T @ dy)
    dx = dy @ w.T + dlow @ a.T
    return dx, dw, da, db


def shared_keys_fwd(q: Array, k: Array) -> tuple[Array, Saved]:
    """Scores of (B, H, T, K) queries and (B, G, T, K) keys: query head h meets h // (H / G)."""
    spread = np.repeat(k, q.shape[1] // k.shape[1], axis=1)
    return q @ spread.swapaxes(-1, -2), (q, k, spread)


def shared_keys_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    q, k, spread = saved
    B, G, T, K = k.shape
    dspread = dy.swapaxes(-1, -2) @ q
    dk = dspread.reshape(B, G, q.shape[1] // G, T, K).sum(axis=2)
    return dy @ spread, dk


def solve_fwd(a: Array, b: Array) -> tuple[Array, Saved]:
    y = np.linalg.solve(a, b)
    return y, (a, b, y)


def solve_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    a, b, y = saved  # noqa: RUF059  # planted bugs use all
    db = np.linalg.solve(a.T, dy)
    da = -db @ y.T
    return da, db


def shares_fwd(p: Array) -> tuple[Array, Saved]:
    total = p.sum(axis=-1, keepdims=True)
    return p / total, (p, total)


def shares_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    p, total = saved
    g = p / total
    return ((dy - (dy * g).sum(axis=-1, keepdims=True)) / total,)


def scan_fwd(x: Array, decay: Array) -> tuple[Array, Saved]:
    states = [x[:, 0]]
    for t in range(1, x.shape[1]):
        states.append(decay * states[-1] + x[:, t])
    h = np.stack(states, axis=1)
    return h, (h, decay)


def scan_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    h, decay = saved
    dx, ddecay = np.zeros_like(dy), np.zeros_like(decay)
    carry = np.zeros_like(dy[:, 0])
    for t in range(dy.shape[1] - 1, -1, -1):
        carry = decay * carry + dy[:, t]
        dx[:, t] = carry
        if t > 0:
            ddecay += (carry * h[:, t - 1]).sum(axis=0)
    return dx, ddecay


def positions_fwd(x: Array, table: Array) -> tuple[Array, Saved]:
    T = x.shape[1]
    return x + table[:T], (table.shape,)


def positions_bwd(dy: Array, saved: Saved) -> tuple[Array, ...]:
    T, dtable = dy.shape[1], np.zeros(saved[0], dy.dtype)
    dtable[:T] = dy.sum(axis=0)
    return dy.copy(), dtable
