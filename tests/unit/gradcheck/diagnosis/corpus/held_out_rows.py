"""Ops of the held-out corpus, right as they stand: norms, activations, losses, elementwise."""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def affine_fwd(x: Array, weight: Array, bias: Array) -> Any:
    return x @ weight + bias, (x, weight)


def affine_bwd(dy: Array, saved: Any) -> Any:
    x, weight = saved
    dx = dy @ weight.T  # (B, T, D)
    dweight = np.einsum("btd,bte->de", x, dy)  # (D, E)
    dbias = dy.sum(axis=(0, 1))  # (E,)
    return dx, dweight, dbias


def layernorm_fwd(x: Array, gain: Array, bias: Array) -> Any:
    centered = x - x.mean(axis=-1, keepdims=True)
    rstd = ((centered * centered).mean(axis=-1, keepdims=True) + 1e-5) ** -0.5
    return centered * rstd * gain + bias, (centered * rstd, rstd, gain)


def layernorm_bwd(dy: Array, saved: Any) -> Any:
    xhat, rstd, gain = saved
    dxhat = dy * gain  # (B, T, D)
    mean = dxhat.mean(axis=-1, keepdims=True)  # (B, T, 1)
    projection = (dxhat * xhat).mean(axis=-1, keepdims=True)  # (B, T, 1)
    dx = rstd * (dxhat - mean - xhat * projection)  # (B, T, D)
    dgain = (dy * xhat).sum(axis=(0, 1))  # (D,)
    dbias = dy.sum(axis=(0, 1))  # (D,)
    return dx, dgain, dbias


def batchnorm_fwd(x: Array, gain: Array, bias: Array) -> Any:
    centered = x - x.mean(axis=(0, 2), keepdims=True)
    rstd = ((centered * centered).mean(axis=(0, 2), keepdims=True) + 1e-5) ** -0.5
    return centered * rstd * gain[:, None] + bias[:, None], (centered * rstd, rstd, gain)


def batchnorm_bwd(dy: Array, saved: Any) -> Any:
    xhat, rstd, gain = saved
    dxhat = dy * gain[:, None]  # (B, C, T)
    mean = dxhat.mean(axis=(0, 2), keepdims=True)  # (1, C, 1)
    projection = (dxhat * xhat).mean(axis=(0, 2), keepdims=True)  # (1, C, 1)
    dx = rstd * (dxhat - mean - xhat * projection)  # (B, C, T)
    dgain = (dy * xhat).sum(axis=(0, 2))  # (C,)
    dbias = dy.sum(axis=(0, 2))  # (C,)
    return dx, dgain, dbias


def groupnorm_fwd(x: Array, gain: Array, bias: Array, *, groups: int) -> Any:
    B, C, T = x.shape
    split = x.reshape(B, groups, C // groups * T)
    centered = split - split.mean(axis=-1, keepdims=True)
    rstd = ((centered * centered).mean(axis=-1, keepdims=True) + 1e-5) ** -0.5
    xhat = (centered * rstd).reshape(x.shape)
    return xhat * gain[:, None] + bias[:, None], (xhat, rstd, gain)


def groupnorm_bwd(dy: Array, saved: Any) -> Any:
    xhat, rstd, gain = saved
    B, C, T = dy.shape
    grouped = (B, rstd.shape[1], C // rstd.shape[1] * T)
    dxhat = (dy * gain[:, None]).reshape(grouped)  # (B, G, C/G * T)
    n = xhat.reshape(grouped)  # (B, G, C/G * T)
    mean = dxhat.mean(axis=-1, keepdims=True)  # (B, G, 1)
    projection = (dxhat * n).mean(axis=-1, keepdims=True)  # (B, G, 1)
    dx = rstd * (dxhat - mean - n * projection)  # (B, G, C/G * T)
    dgain = (dy * xhat).sum(axis=(0, 2))  # (C,)
    dbias = dy.sum(axis=(0, 2))  # (C,)
    return dx.reshape(dy.shape), dgain, dbias


def warm_softmax_fwd(x: Array, *, tau: float) -> Any:
    e = np.exp((x - x.real.max(axis=-1, keepdims=True)) / tau)
    y = e / e.sum(axis=-1, keepdims=True)
    return y, (y, tau)


def warm_softmax_bwd(dy: Array, saved: Any) -> Any:
    y, tau = saved
    inner = (dy * y).sum(axis=-1, keepdims=True)  # (B, T, 1)
    return y * (dy - inner) / tau  # (B, T, V)


def log_softmax_fwd(x: Array) -> Any:
    shifted = x - x.real.max(axis=-1, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return y, y


def log_softmax_bwd(dy: Array, y: Array) -> Any:
    total = dy.sum(axis=-1, keepdims=True)  # (B, T, 1)
    return dy - np.exp(y) * total  # (B, T, V)


def smoothed_loss_fwd(z: Array, labels: Array, *, smoothing: float) -> Any:
    valid = labels >= 0
    shifted = z - z.real.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = logp[np.arange(len(z)), np.where(valid, labels, 0)]
    losses = -(1 - smoothing) * picked - smoothing * logp.mean(axis=-1)
    return (losses * valid).sum() / valid.sum(), (np.exp(logp), labels, smoothing)


def smoothed_loss_bwd(dy: Array, saved: Any) -> Any:
    p, labels, smoothing = saved
    valid = labels >= 0
    rows = np.arange(len(p))
    dz = p - smoothing / p.shape[-1]  # (N, V)
    dz[rows, labels] -= 1 - smoothing
    dz = dz * valid[:, None]
    return dy * dz / valid.sum()  # (N, V)


def tanh_gelu_fwd(x: Array) -> Any:
    t = np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), (x, t)


def tanh_gelu_bwd(dy: Array, saved: Any) -> Any:
    x, t = saved
    inner = 0.7978845608028654 * (1 + 3 * 0.044715 * x**2)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner)


def erf_gelu_fwd(x: Array) -> Any:
    cdf = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return x * cdf, (x, cdf)


def erf_gelu_bwd(dy: Array, saved: Any) -> Any:
    x, cdf = saved
    pdf = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return dy * (cdf + x * pdf)


def elu_fwd(x: Array, *, alpha: float) -> Any:
    return np.where(x.real > 0, x, alpha * (np.exp(x) - 1)), (x, alpha)


def elu_bwd(dy: Array, saved: Any) -> Any:
    x, alpha = saved
    return dy * np.where(x > 0, 1, alpha * np.exp(x))


def softplus_fwd(x: Array, *, beta: float) -> Any:
    return np.log(1 + np.exp(beta * x)) / beta, (x, beta)


def softplus_bwd(dy: Array, saved: Any) -> Any:
    x, beta = saved
    return dy / (1 + np.exp(-beta * x))


def sigmoid_fwd(x: Array) -> Any:
    y = 1 / (1 + np.exp(-x))
    return y, y


def sigmoid_bwd(dy: Array, y: Array) -> Any:
    return dy * y * (1 - y)


def tanh_fwd(x: Array) -> Any:
    y = np.tanh(x)
    return y, y


def tanh_bwd(dy: Array, y: Array) -> Any:
    return dy * (1 - y**2)


def divide_fwd(a: Array, b: Array) -> Any:
    return a / b, (a, b)


def divide_bwd(dy: Array, saved: Any) -> Any:
    a, b = saved
    da = dy / b
    db = -dy * a / b**2
    return da, db


def prelu_fwd(x: Array, slope: Array) -> Any:
    return np.where(x.real > 0, x, slope * x), (x, slope)


def prelu_bwd(dy: Array, saved: Any) -> Any:
    x, slope = saved
    dx = np.where(x > 0, dy, slope * dy)  # (B, C)
    dslope = np.where(x > 0, 0, dy * x).sum(axis=0)  # (C,)
    return dx, dslope


def squared_error_fwd(y: Array, target: Array) -> Any:
    return ((y - target) ** 2).mean(), y - target


def squared_error_bwd(dy: Array, distance: Array) -> Any:
    g = 2 * dy * distance / distance.size
    return g, -g


def huber_fwd(x: Array, *, delta: float) -> Any:
    size = np.where(x.real < 0, -x, x)
    outer = delta * (size - 0.5 * delta)
    return np.where(size.real <= delta, 0.5 * x * x, outer).sum(axis=-1), (x, delta)


def huber_bwd(dy: Array, saved: Any) -> Any:
    x, delta = saved
    return dy[..., None] * np.where(np.abs(x) <= delta, x, delta * np.sign(x))


def variance_fwd(x: Array) -> Any:
    centered = x - x.mean(axis=-1, keepdims=True)
    return (centered * centered).sum(axis=-1) / (x.shape[-1] - 1), centered


def variance_bwd(dy: Array, centered: Array) -> Any:
    return 2 * dy[..., None] * centered / (centered.shape[-1] - 1)


def masked_dropout_fwd(x: Array, kept: Array, *, keep: float) -> Any:
    return x * kept / keep, (kept, keep)


def masked_dropout_bwd(dy: Array, saved: Any) -> Any:
    kept, keep = saved
    return dy * kept / keep


def length_fwd(x: Array) -> Any:
    y = (x * x).sum(axis=-1) ** 0.5
    return y, (x, y)


def length_bwd(dy: Array, saved: Any) -> Any:
    x, y = saved
    return (dy / y)[..., None] * x  # (B, T, D)


def unit_fwd(x: Array) -> Any:
    norm = (x * x).sum(axis=-1, keepdims=True) ** 0.5
    return x / norm, (x / norm, norm)


def unit_bwd(dy: Array, saved: Any) -> Any:
    y, norm = saved
    inner = (dy * y).sum(axis=-1, keepdims=True)  # (B, T, 1)
    return (dy - y * inner) / norm  # (B, T, D)


def cosine_fwd(a: Array, b: Array) -> Any:
    na = (a * a).sum(axis=-1) ** 0.5
    nb = (b * b).sum(axis=-1) ** 0.5
    y = (a * b).sum(axis=-1) / (na * nb)
    return y, (a, b, na, nb, y)


def cosine_bwd(dy: Array, saved: Any) -> Any:
    a, b, na, nb, y = saved
    outer = (dy / (na * nb))[:, None]  # (B, 1)
    da = outer * b - (dy * y / na**2)[:, None] * a  # (B, D)
    db = outer * a - (dy * y / nb**2)[:, None] * b  # (B, D)
    return da, db
