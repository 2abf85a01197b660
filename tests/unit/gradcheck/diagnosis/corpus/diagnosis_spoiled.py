"""Right gradients spoiled on their way out: casts, clips, tails, buffers, stray terms."""

from typing import Any

import numpy as np

from unit.gradcheck.diagnosis.corpus.diagnosis_cases import (
    ATTENTION,
    CORE,
    FEED_FORWARD,
    LINEAR,
    RMSNORM,
    ROPE,
    SILU,
    SWIGLU,
)
from unit.gradcheck.diagnosis.corpus.diagnosis_planting import Array, spoiled


def _first_rows(g: Array, rows: int) -> Array:
    """Only the first rows are written."""
    g[rows:] = 0
    return g


def _with(g: Array, where: Any, value: Any) -> Array:
    g[where] = value
    return g


def _moved(g: Array, by: int) -> Array:
    """Moved along the first axis, the end left at zero."""
    moved = np.zeros_like(g)
    moved[by:] = g[:-by]
    return moved


SPOILED = [
    *(
        spoiled(name, argument, "rounded", f"cast to {np.dtype(kind).name}", change)
        for name, argument in ((LINEAR, "weight"), (ROPE, "x"), ("gelu", "x"))
        for kind in (np.float32, np.float16)
        for change in [lambda g, a, kind=kind: g.astype(kind).astype(float)]
    ),
    spoiled(
        LINEAR,
        "x",
        "rounded",
        "product in float32",
        lambda g, a: (
            (a["dy"].astype(np.float32) @ a["weight"].T.astype(np.float32)).astype(float) / 1.0
        ),
    ),
    spoiled(
        SWIGLU,
        "up",
        "rounded",
        "a factor in float32",
        lambda g, a: g * (1 + 1e-7 * np.sin(1e3 * a["gate"])),
    ),
    *(
        spoiled(name, argument, "clipped", "clipped", lambda g, a: np.clip(g, -0.5, 0.5))
        for name, argument in (
            (LINEAR, "weight"),
            (CORE, "v"),
            ("residual", "x"),
            (FEED_FORWARD, "w_up"),
        )
    ),
    spoiled(LINEAR, "x", "clipped", "negative gradients cut", lambda g, a: np.maximum(g, 0)),
    *(
        spoiled(name, argument, "absolute", "absolute value", lambda g, a: np.abs(g))
        for name, argument in ((LINEAR, "weight"), (RMSNORM, "gain"), (CORE, "q"))
    ),
    *(
        spoiled(name, argument, "single", "one entry off", change)
        for name, argument, at in ((LINEAR, "weight", (3, 2)), (CORE, "k", (1, 1, 2, 3)))
        for change in [lambda g, a, at=at: _with(g, at, 2 * g[at])]
    ),
    spoiled(
        "affine",
        "x",
        "single",
        "three entries zero",
        lambda g, a: _with(g, ((0, 1, 0), (1, 2, 0), (3, 0, 2)), 0.0),
    ),
    spoiled(LINEAR, "weight", "nan", "NaN", lambda g, a: _with(g, (1, 1), np.nan)),
    spoiled(CORE, "q", "nan", "0/0 in a row", lambda g, a: _with(g, (0, 1, 2), np.nan)),
    spoiled(LINEAR, "x", "edge", "last position dropped", lambda g, a: _with(g, np.s_[:, -1], 0)),
    spoiled(
        CORE,
        "k",
        "edge",
        "first key doubled",
        lambda g, a: _with(g, np.s_[:, :, 0], 2 * g[:, :, 0]),
    ),
    spoiled(
        FEED_FORWARD,
        "w_down",
        "edge",
        "last index is never written",
        lambda g, a: _with(g, -1, 1.0),
    ),
    spoiled("heads", "gain", "tail", "remainder of tiles of 8", lambda g, a: _first_rows(g, 24)),
    spoiled("lookup", "places", "zero_slices", "two positions", lambda g, a: _with(g, [1, 3], 0.0)),
    spoiled(
        ATTENTION, "wqkv", "zero_slices", "two heads", lambda g, a: _with(g, np.s_[:, 26:30], 0.0)
    ),
    spoiled(ATTENTION, "wqkv", "reversed", "columns reversed", lambda g, a: g[:, ::-1]),
    spoiled("residual", "x", "shifted", "off by one in time", lambda g, a: _moved(g, 1)),
    spoiled("permute", "x", "shifted", "rolled", lambda g, a: np.roll(g, 1, axis=0)),
    spoiled(
        ATTENTION,
        "wqkv",
        "transposed",
        "heads and features",
        lambda g, a: g.reshape(12, 9, 4).swapaxes(1, 2).reshape(12, 36),
    ),
    spoiled(
        "grouped",
        "q",
        "transposed",
        "groups and heads",
        lambda g, a: g.swapaxes(0, 1).reshape(g.shape),
    ),
    spoiled(ATTENTION, "wo", "decay", "weight decay", lambda g, a: g + 0.1 * a["wo"]),
    spoiled(LINEAR, "weight", "decay", "weight decay", lambda g, a: g + 1e-4 * a["weight"]),
    spoiled(FEED_FORWARD, "w_up", "term", "added to the wrong one", lambda g, a: g + a["dw_gate"]),
    spoiled("divide", "a", "term", "a stray term", lambda g, a: g - a["b"]),
    spoiled(
        LINEAR, "weight", "slices", "features scaled", lambda g, a: g * np.arange(1.5, 6.5)[:, None]
    ),
    spoiled(
        CORE,
        "q",
        "slices",
        "heads scaled",
        lambda g, a: g * np.array([2.0, 3.0, 0.5])[:, None, None],
    ),
    spoiled(
        LINEAR,
        "x",
        "constant",
        "a mean subtracted",
        lambda g, a: g - g.mean(axis=-1, keepdims=True),
    ),
    spoiled(SWIGLU, "up", "constant", "an epsilon added", lambda g, a: g + 1e-3),
    spoiled(
        ATTENTION,
        "wo",
        "place",
        "lower triangle",
        lambda g, a: g + np.tril(np.cos(np.arange(144.0)).reshape(12, 12), -1),
    ),
    spoiled(
        "gelu",
        "x",
        "place",
        "negative side",
        lambda g, a: g + np.where(a["x"] < 0, np.sin(9 * a["x"]), 0),
    ),
    spoiled(SILU, "x", "zero_entries", "negative side dead", lambda g, a: g * (a["x"] > 0)),
    spoiled(
        "softmax-B2_T3_V5_hidden",
        "x",
        "masked",
        "hidden entries",
        lambda g, a: g + np.where(g == 0, a["dy"], 0),
    ),
]
