"""Small ops for the corpus of diagnoses; each is right as it stands."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def residual_fwd(x: Array, w: Array) -> tuple[Array, tuple[Array, ...]]:
    t = np.tanh(x @ w)  # (T, D)
    return x + t, (x, w, t)


def residual_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    x, w, t = saved
    dh = dy * (1 - t * t)  # (T, D)
    return dy + dh @ w.T, x.T @ dh


def affine_fwd(x: Array, gain: Array, bias: Array) -> tuple[Array, tuple[Array, ...]]:
    return x * gain + bias, (x, gain)


def affine_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    x, gain = saved
    dx = dy * gain  # (B, T, D)
    dgain = (dy * x).sum(axis=(0, 1))  # (D,)
    dbias = dy.sum(axis=(0, 1))  # (D,)
    return dx, dgain, dbias


def roll_fwd(x: Array, gain: Array) -> tuple[Array, tuple[Array, ...]]:
    return np.roll(x, 1, axis=-2) * gain, (x, gain)


def roll_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    x, gain = saved
    dx = np.roll(dy * gain, -1, axis=-2)  # (T, D)
    return dx, (dy * np.roll(x, 1, axis=-2)).sum(axis=0)


def flip_fwd(x: Array, gain: Array) -> tuple[Array, tuple[Array, ...]]:
    return x[::-1] * gain, (x, gain)


def flip_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    x, gain = saved
    return (dy * gain)[::-1].copy(), (dy * x[::-1]).sum(axis=0)


ORDER = np.array([3, 0, 4, 1, 2])


def permute_fwd(x: Array, gain: Array) -> tuple[Array, tuple[Array, ...]]:
    return x[ORDER] * gain, (x, gain)


def permute_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    x, gain = saved
    dx = np.zeros_like(x)  # (T, D)
    dx[ORDER] = dy * gain
    return dx, (dy * x[ORDER]).sum(axis=0)


def masked_mean_fwd(x: Array, is_valid: Array) -> tuple[Array, tuple[Array, ...]]:
    count = is_valid.sum(axis=1, keepdims=True)  # (B, 1)
    return (x * is_valid[..., None]).sum(axis=1) / count, (is_valid, count)


def masked_mean_bwd(dy: Array, saved: tuple[Array, ...]) -> Array:
    is_valid, count = saved
    return dy[:, None] * is_valid[..., None] / count[..., None]  # (B, T, D)


TILE = 4


def tiled_fwd(x: Array, w: Array) -> tuple[Array, tuple[Array, ...]]:
    return x @ w, (x, w)


def tiled_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    x, w = saved
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for start in range(0, len(x), TILE):
        rows = slice(start, min(start + TILE, len(x)))
        dx[rows] = dy[rows] @ w.T
    for start in range(0, len(w), TILE):
        rows = slice(start, min(start + TILE, len(w)))
        dw[rows] = x[:, rows].T @ dy
    return dx, dw


def leaky_fwd(x: Array) -> tuple[Array, Array]:
    return np.where(x.real > 0, x, 0.1 * x), x


def leaky_bwd(dy: Array, x: Array) -> Array:
    return np.where(x > 0, dy, 0.1 * dy)


def divide_fwd(a: Array, b: Array) -> tuple[Array, tuple[Array, ...]]:
    return a / b, (a, b)


def divide_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    a, b = saved
    return dy / b, -dy * a / b**2


def cube_fwd(x: Array) -> tuple[Array, Array]:
    return x**3, x


def cube_bwd(dy: Array, x: Array) -> Array:
    return dy * 3 * x**2


def lookup_fwd(ids: Array, table: Array, places: Array) -> tuple[Array, tuple[Array, ...]]:
    return np.take(table, ids, axis=-2) + places, (ids, table, places)


def lookup_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    ids, table, _ = saved
    dtable = np.zeros_like(table)  # (V, D)
    np.add.at(dtable, ids, dy)
    return dtable, dy.sum(axis=0)


def heads_fwd(x: Array, gain: Array, *, n_heads: int) -> tuple[Array, tuple[Any, ...]]:
    *lead, T, D = x.shape
    split = (x * gain).reshape(*lead, T, n_heads, D // n_heads).swapaxes(-2, -3)
    return split * (D // n_heads) ** -0.5, (x, gain, n_heads)


def heads_bwd(dy: Array, saved: tuple[Any, ...]) -> tuple[Array, Array]:
    x, gain, n_heads = saved
    *lead, T, D = x.shape
    scaled = dy * (D // n_heads) ** -0.5  # (B, H, T, K)
    dmerged = scaled.swapaxes(-2, -3).reshape(*lead, T, D)
    return dmerged * gain, (dmerged * x).sum(axis=(0, 1))


def grouped_fwd(q: Array, k: Array) -> tuple[Array, tuple[Array, ...]]:
    return q * k[..., None, :, :], (q, k)  # q (H, G, T, K), k (H, T, K)


def grouped_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    q, k = saved
    return dy * k[:, None], (dy * q).sum(axis=1)


def dropped_fwd(x: Array, *, p: float) -> tuple[Array, Any]:
    kept = np.random.default_rng(3).random(x.shape[-2:]) >= p  # (T, D)
    return x * kept / (1 - p), (kept, p)


def dropped_bwd(dy: Array, saved: tuple[Any, ...]) -> Array:
    kept, p = saved
    return dy * kept / (1 - p)


def squares_fwd(x: Array, target: Array) -> tuple[Array, tuple[Array, ...]]:
    return ((x - target) ** 2).mean(axis=(-1, -2)), (x, target)


def squares_bwd(dy: Array, saved: tuple[Array, ...]) -> tuple[Array, Array]:
    x, target = saved
    dx = 2 * dy * (x - target) / x.size
    return dx, -dx


def draws(rng: np.random.Generator) -> dict[str, tuple[Any, ...]]:
    """Inputs of every op."""

    def n(*shape: int) -> Array:
        return rng.standard_normal(shape)

    ids = np.array([[1, 6, 1, 3, 0], [3, 5, 5, 1, 6]])
    is_valid = np.array([[True, True, False], [True, True, True], [False, True, False]])
    return {
        "residual": (n(5, 4), n(4, 4)),
        "affine": (n(2, 3, 5), n(5), n(5)),
        "roll": (n(5, 3), n(3)),
        "flip": (n(5, 3), n(3)),
        "permute": (n(5, 3), n(3)),
        "masked_mean": (n(3, 3, 5), is_valid),
        "tiled": (n(7, 11), n(11, 3)),
        "leaky": (n(5, 7),),
        "divide": (n(5, 3), n(5, 3)),
        "cube": (n(5, 3),),
        "lookup": (ids, n(7, 3), n(5, 3)),
        "heads": (n(2, 5, 27), n(27)),
        "grouped": (n(3, 2, 5, 7), n(3, 5, 7)),
        "dropped": (n(2, 5, 7),),
        "squares": (n(5, 3), n(5, 3)),
        "layernorm": (n(2, 3, 5), n(5), n(5)),
        "gelu": (n(3, 5),),
        "dropout": (n(2, 3, 5),),
    }


OPTIONS: dict[str, dict[str, Any]] = {"heads": {"n_heads": 3}, "dropped": {"p": 0.3}}
