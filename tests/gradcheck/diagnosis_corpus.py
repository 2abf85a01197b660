"""Planted bugs with the diagnosis that each deserves, stated before the verifier is asked.

`EDITS` exchange a piece of a backward pass's source; `SPOILED` change what a right backward pass
returns, for mistakes of its surroundings (a kernel's tail, a cast, a clip, a buffer).
"""

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from capstone.gradcheck import Op, Report, check
from cases import CASES
from gradcheck import diagnosis_ops, field_ops

Array = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[Array, dict[str, Array]], Array]
CASES_BY_ID = {case.id: case for case in CASES}
SEED = 11


@dataclass(frozen=True)
class Subject:
    """A right op with inputs."""

    forward: Any
    backward: Any
    inputs: tuple[Any, ...]
    options: dict[str, Any]


def subject_of(name: str) -> Subject:
    """Of a case's id, or of a small op's name."""
    if name in CASES_BY_ID:
        case = CASES_BY_ID[name]
        return Subject(*case.passes(), case.inputs(), case.options)
    module = diagnosis_ops if hasattr(diagnosis_ops, f"{name}_fwd") else field_ops
    passes = (getattr(module, f"{name}_{end}") for end in ("fwd", "bwd"))
    inputs = diagnosis_ops.draws(np.random.default_rng(SEED))[name]
    return Subject(*passes, inputs, diagnosis_ops.OPTIONS.get(name, {}))


@dataclass(frozen=True)
class Planted:
    """One bug: its subject, what is done to the backward pass, and what should be said of it.

    Args:
        subject: id of a case, or name of a small op.
        kind: that the diagnosis of the first culprit must be.
        culprits: the wrong arguments; the first is the one whose kind is asserted.
        spoil: from the right backward function to the wrong one.
        words: what makes the bug's name unique.
    """

    subject: str
    kind: str
    culprits: tuple[str, ...]
    spoil: Callable[[Any], Any]
    words: str

    @property
    def id(self) -> str:
        """Readable, and unique."""
        return f"{self.subject}: {self.words} ({self.culprits[0]})"

    def report(self, **options: Any) -> Report:
        """Of the check of the spoiled op."""
        right = subject_of(self.subject)
        op = Op(right.forward, self.spoil(right.backward), options=right.options)
        return check(op, *right.inputs, **options)


def edited(function: Any, old: str, new: str) -> Any:
    """The function with one piece of its source exchanged."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} must occur exactly once in {function.__name__}"
    namespace = dict(vars(sys.modules[function.__module__]))
    exec(compile(source.replace(old, new), "<edited>", "exec"), namespace)
    return namespace[function.__name__]


def edit(subject: str, old: str, new: str, kind: str, culprits: str) -> Planted:
    """An edit of the source."""
    words = f"{old} -> {new}".replace("\n", " ")
    return Planted(
        subject, kind, tuple(culprits.split()), lambda right: edited(right, old, new), words
    )


def spoiled(subject: str, name: str, kind: str, words: str, change: Change) -> Planted:
    """The gradient of one argument changed on its way out; `change(gradient, arrays)`."""
    there = subject_of(subject)
    names = list(inspect.signature(there.forward).parameters)[: len(there.inputs)]
    arrays = dict(zip(names, (np.asarray(i) for i in there.inputs), strict=True))
    able = [n for n in names if arrays[n].dtype.kind == "f"]

    def spoil(right: Any) -> Any:
        def backward(dy: Array, saved: Any) -> list[Array]:
            grads = right(dy, saved)
            grads = list(grads) if isinstance(grads, tuple) else [grads]
            here = {**arrays, "dy": dy, **{f"d{n}": g for n, g in zip(able, grads, strict=True)}}
            at = able.index(name)
            grads[at] = np.ascontiguousarray(change(grads[at].copy(), here))
            return grads

        return backward

    return Planted(subject, kind, (name,), spoil, words)


LINEAR, RMSNORM, SOFTMAX = "linear-B2_T3_D5_F7_bias", "rmsnorm-B2_T3_D5", "softmax-B2_T3_V5"
CORE, ATTENTION = "dot_product_attention-B2_H3_Tq5_Tk7_K4", "attention-B2_T5_D12_H3_rope"
EMBEDDING, SWIGLU, SILU = "embedding-B2_T5_V7_D3", "swiglu-B2_T3_F5", "silu-B2_T3_F5"
LOSS, SMOOTHED = "cross_entropy-B2_T3_V5_ignored", "cross_entropy-B2_T3_V5_smoothed"
FEED_FORWARD, ROPE = "feed_forward-B2_T3_D5_F7", "rope-B2_H3_T5_K4_offset"
DROPPED = "last index of a buffer is never written"

EDITS = [
    # linear
    edit(
        LINEAR,
        "as_matrix(x).T @ as_matrix(dy)",
        "(as_matrix(dy).T @ as_matrix(x)).reshape(weight.shape)",
        "transposed",
        "weight",
    ),
    edit(
        LINEAR,
        "as_matrix(x).T @ as_matrix(dy)",
        "as_matrix(x).T @ as_matrix(dy) / len(x)",
        "factor",
        "weight",
    ),
    edit(LINEAR, "sum_leading(dy, 1)", "dy.mean(axis=(0, 1))", "factor", "bias"),
    edit(LINEAR, "sum_leading(dy, 1)", "-sum_leading(dy, 1)", "sign", "bias"),
    edit(LINEAR, "sum_leading(dy, 1)", "0 * sum_leading(dy, 1)", "zero", "bias"),
    edit(
        LINEAR,
        "matmul_last(dy, weight.T)",
        "-matmul_last(dy, weight.T)",
        "sign",
        "x",
    ),
    edit(LINEAR, "sum_leading(dy, 1)", "sum_leading(dy, 1)[::-1].copy()", "reversed", "bias"),
    # embedding
    edit(
        EMBEDDING,
        "return (one_hot.T @ rows,)",
        "dw = 0 * (one_hot.T @ rows); dw[ids] += rows; return (dw,)",
        "repeats",
        "weight",
    ),
    edit(
        EMBEDDING,
        "return (one_hot.T @ rows,)",
        "return (one_hot.T @ rows / np.maximum(1, one_hot.sum(0))[:, None],)",
        "repeats",
        "weight",
    ),
    edit(
        EMBEDDING,
        "one_hot[np.arange(ids.size), ids]",
        "one_hot[np.arange(ids.size), ids - 1]",
        "shifted",
        "weight",
    ),
    edit(
        "embedding-B2_T5_V1031_D3",
        "np.add.reduceat(rows[order], starts, axis=0)",
        "rows[order][starts]",
        "repeats",
        "weight",
    ),
    edit(EMBEDDING, "return (one_hot.T @ rows,)", "return (-one_hot.T @ rows,)", "sign", "weight"),
    # rmsnorm
    edit(RMSNORM, "(dxhat - xhat * projection)", "dxhat", "projection", "x"),
    edit(
        RMSNORM,
        ").mean(axis=-1, keepdims=True)",
        ").sum(axis=-1, keepdims=True)",
        "projection",
        "x",
    ),
    edit(RMSNORM, "dxhat - xhat", "dxhat + xhat", "projection", "x"),
    edit(RMSNORM, "dx = rrms * (", "dx = (", "slices", "x"),
    edit(RMSNORM, "dx = rrms * (", "dx = rrms * rrms * (", "slices", "x"),
    edit(RMSNORM, "dy * xhat, 1", "dy * gain * xhat, 1", "product", "gain"),
    edit(
        RMSNORM,
        "sum_leading(dy * xhat, 1)",
        "sum_leading(dy * xhat, 1) / len(dy)",
        "factor",
        "gain",
    ),
    edit(RMSNORM, "sum_leading(dy * xhat, 1)", "sum_leading(dy, 1)", "upstream", "gain"),
    edit(RMSNORM, "return dx, dgain", "return dy.copy(), dgain", "upstream", "x"),
    edit(RMSNORM, "return dx, dgain", "return dx + dy, dgain", "residual", "x"),
    edit(RMSNORM, "return dx, dgain", "return -dx, dgain", "sign", "x"),
    # softmax
    edit(SOFTMAX, "return (dx,)", "return (dx / len(dx),)", "factor", "x"),
    edit(SOFTMAX, "dx -= y * dx.sum(axis=-1, keepdims=True)", "pass", "projection", "x"),
    edit(SOFTMAX, "dx.sum(", "dx.mean(", "projection", "x"),
    edit(SOFTMAX, "y * dx.sum(", "y * dy.sum(", "projection", "x"),
    edit(SOFTMAX, "dx -= y", "dx += y", "projection", "x"),
    edit(SOFTMAX, "return (dx,)", "return (dy.copy(),)", "upstream", "x"),
    edit(SOFTMAX, "return (dx,)", "return (dx * y,)", "product", "x"),
    edit(SOFTMAX, "return (dx,)", "return (dx / y,)", "product", "x"),
    # silu and swiglu
    edit(SILU, "dx *= dy", "pass", "upstream", "x"),
    edit(SILU, "dx *= dy", "dx *= dy * dy", "upstream", "x"),
    edit(SILU, "dx += sigmoid", "dx += sigmoid; dx *= 2", "factor", "x"),
    edit(SWIGLU, "return dgate, dup", "return dup, dgate", "swapped", "gate up"),
    edit(SWIGLU, "return dgate, dup", "return dgate, dgate.copy()", "swapped", "up"),
    edit(SWIGLU, "silu_bwd(dy * up, gate_saved)", "silu_bwd(dy, gate_saved)", "product", "gate"),
    edit(
        SWIGLU,
        "silu_bwd(dy * up, gate_saved)",
        "silu_bwd(dy * up * up, gate_saved)",
        "product",
        "gate",
    ),
    edit(SWIGLU, "dy * gate_saved.y", "dy * gate_saved.sigmoid", "product", "up"),
    edit(SWIGLU, "dy * gate_saved.y", "dy * abs(gate_saved.y)", "sign", "up"),
    # feed-forward
    edit(
        FEED_FORWARD,
        "return dx, dw_gate, dw_up",
        "return dx, dw_up, dw_gate",
        "swapped",
        "w_gate w_up",
    ),
    edit(
        FEED_FORWARD,
        "return dx, dw_gate, dw_up",
        "return dx, dw_up, dw_up.copy()",
        "swapped",
        "w_gate",
    ),
    edit(
        FEED_FORWARD, "return dx, dw_gate, dw_up", "return dx, dw_gate * 0, dw_up", "zero", "w_gate"
    ),
    edit(FEED_FORWARD, "dx += dx_up", "dx -= -dx_up; dx += dy", "residual", "x"),
    # attention
    edit(
        CORE,
        "dk = dscores.swapaxes(-1, -2) @ q_scaled",
        "dk = (q_scaled.swapaxes(-1, -2) @ dscores).reshape(k.shape)",
        "transposed",
        "k",
    ),
    edit(CORE, "dk = dscores.swapaxes(-1, -2) @ q_scaled", "dk = np.zeros_like(k)", "zero", "k"),
    edit(CORE, "dq *= K**-0.5", "pass", "factor", "q"),
    edit(CORE, "dq *= K**-0.5", "dq /= K", "factor", "q"),
    edit(CORE, "dq *= K**-0.5", "dq *= -(K**-0.5)", "sign", "q"),
    edit(CORE, "return dq, dk, dv", "return dq, dv, dk", "swapped", "k v"),
    edit(CORE, "@ q_scaled  #", "@ q_scaled * K**-0.5  #", "factor", "k"),
    edit(
        CORE,
        "dv = softmax_saved.y.swapaxes(-1, -2) @ dy",
        "dv = (softmax_saved.y + 1e-3).swapaxes(-1, -2) @ dy",
        "constant",
        "v",
    ),
    edit(
        ATTENTION,
        "return dx, dwq, dwk, dwv, dwo",
        "return dx, dwk, dwq, dwv, dwo",
        "swapped",
        "wq wk",
    ),
    edit(
        ATTENTION,
        "return dx, dwq, dwk, dwv, dwo",
        "return dx, dwq, dwk, dwv, dwo.T.copy()",
        "transposed",
        "wo",
    ),
    edit(
        ATTENTION,
        "return dx, dwq, dwk, dwv, dwo",
        "return dx, dwq, dwk, dwv * n_heads, dwo",
        "factor",
        "wv",
    ),
    edit(ATTENTION, "dx += dx_v", "dx += dx_v + dy", "residual", "x"),
    edit(ROPE, "rotate(dy, cos, -sin)", "dy.copy()", "upstream", "x"),
    edit(ROPE, "rotate(dy, cos, -sin)", "rotate(dy, -cos, sin)", "sign", "x"),
    # cross-entropy
    edit(
        LOSS,
        "dlogits *= dy / max(1, int(is_valid.sum()))",
        "dlogits *= dy",
        "factor",
        "logits",
    ),
    edit(LOSS, "int(is_valid.sum())", "is_valid.size", "factor", "logits"),
    edit(LOSS, "dlogits[~is_valid] = 0", "pass", "masked", "logits"),
    edit(LOSS, "at_target - (1 - s)", "at_target", "picked", "logits"),
    edit(LOSS, "dlogits *= dy / ", "dlogits *= 1 / ", "upstream", "logits"),
    edit(SMOOTHED, "at_target - (1 - s)", "at_target - 1", "picked", "logits"),
    edit(SMOOTHED, "dlogits -= s / V", "dlogits -= s / (V - 1)", "constant", "logits"),
    edit(SMOOTHED, "dlogits -= s / V", "pass", "constant", "logits"),
    # field ops
    edit("layernorm", "dxhat - mean - ", "dxhat - ", "constant", "x"),
    edit("layernorm", " - xhat * projection", "", "projection", "x"),
    edit("layernorm", "dx = rstd * (", "dx = (", "slices", "x"),
    edit("layernorm", "dy.sum(axis=lead)", "dy.mean(axis=lead)", "factor", "bias"),
    edit(
        "layernorm",
        "(dy * xhat).sum(axis=lead)",
        "(dxhat * xhat).sum(axis=lead)",
        "product",
        "gain",
    ),
    edit("gelu", "return dy * (", "return (", "upstream", "x"),
    edit("dropout", "dy * mask / KEPT", "dy / KEPT", "masked", "x"),
    edit("dropout", "dy * mask / KEPT", "dy * mask", "factor", "x"),
    # small ops
    edit("residual", "return dy + dh", "return dh", "residual", "x"),
    edit("residual", "return dy + dh", "return 2 * dy + dh", "residual", "x"),
    edit("residual", "return dy + dh @ w.T", "return dh @ w.T - dy", "residual", "x"),
    edit(
        "residual",
        "dy + dh @ w.T, x.T @ dh",
        "dy + dh @ w.T, (x.T @ dh).T.copy()",
        "transposed",
        "w",
    ),
    edit("residual", "x.T @ dh", "x.T @ dh + 0.01 * w", "decay", "w"),
    edit("affine", "dx = dy * gain", "dx = dy.copy()", "upstream", "x"),
    edit("affine", "dx = dy * gain", "dx = dy * gain * gain", "product", "x"),
    edit("affine", "dx = dy * gain", "dx = dy * abs(gain)", "sign", "x"),
    edit("affine", "dx = dy * gain", "dx = dy * gain + 0.1 * x", "decay", "x"),
    edit("affine", "dx = dy * gain", "dx = dy * gain[::-1]", "slices", "x"),
    edit("affine", "(dy * x).sum(", "dy.sum(", "upstream", "gain"),
    edit("affine", "return dx, dgain, dbias", "return dx, dbias, dgain", "swapped", "gain bias"),
    edit("affine", "dy.sum(axis=(0, 1))", "dy.sum(axis=(0, 1)) - dgain", "term", "bias"),
    edit("roll", "np.roll(dy * gain, -1, axis=-2)", "dy * gain", "shifted", "x"),
    edit(
        "roll", "np.roll(dy * gain, -1, axis=-2)", "np.roll(dy * gain, 1, axis=-2)", "shifted", "x"
    ),
    edit(
        "roll",
        "dx = np.roll(dy * gain, -1, axis=-2)",
        "dx = np.roll(dy * gain, -1, axis=-2); dx[-1] = 0",
        "edge",
        "x",
    ),
    edit("flip", "(dy * gain)[::-1].copy()", "dy * gain", "reversed", "x"),
    edit("permute", "dx[ORDER] = dy * gain", "dx = (dy * gain)[ORDER]", "permuted", "x"),
    edit("permute", "dx[ORDER] = dy * gain", "dx = dy * gain", "permuted", "x"),
    edit(
        "masked_mean", "* is_valid[..., None]", "* np.ones_like(is_valid)[..., None]", "masked", "x"
    ),
    edit("masked_mean", "/ count[..., None]", "/ is_valid.shape[1]", "slices", "x"),
    edit("tiled", "0, len(x), TILE", "0, len(x) - TILE + 1, TILE", "tail", "x"),
    edit("tiled", "0, len(w), TILE", "0, len(w) - TILE + 1, TILE", "tail", "w"),
    edit("leaky", "np.where(x > 0, dy, 0.1 * dy)", "dy.copy()", "upstream", "x"),
    edit("leaky", "np.where(x > 0, dy, 0.1 * dy)", "dy * (x > 0)", "zero_entries", "x"),
    edit("leaky", "np.where(x > 0, dy, 0.1 * dy)", "np.where(x > 0, dy, 0.2 * dy)", "factor", "x"),
    edit("divide", "return dy / b,", "return dy * b,", "product", "a"),
    edit("divide", "return dy / b,", "return dy.copy(),", "upstream", "a"),
    edit("divide", "-dy * a / b**2", "dy * a / b**2", "sign", "b"),
    edit("divide", "-dy * a / b**2", "-dy * a / b", "product", "b"),
    edit("divide", "-dy * a / b**2", "-dy / b**2", "product", "b"),
    edit("cube", "dy * 3 * x**2", "dy * x**2", "factor", "x"),
    edit("cube", "dy * 3 * x**2", "dy * 3 * x", "product", "x"),
    edit("cube", "dy * 3 * x**2", "dy * 3 * x * abs(x)", "sign", "x"),
    edit("lookup", "np.add.at(dtable, ids, dy)", "dtable[ids] += dy", "repeats", "table"),
    edit("lookup", "np.add.at(dtable, ids, dy)", "dtable[ids] = dy", "repeats", "table"),
    edit("lookup", "dy.sum(axis=0)", "dy.mean(axis=0)", "factor", "places"),
    edit("lookup", "dy.sum(axis=0)", "-dy.sum(axis=0)", "sign", "places"),
    edit("lookup", "return dtable", "dtable[0] = 0; return dtable", "edge", "table"),
    edit(
        "heads",
        "scaled = dy * (D // n_heads) ** -0.5",
        "scaled = dy * n_heads ** -0.5",
        "factor",
        "x gain",
    ),
    edit("heads", "(D // n_heads) ** -0.5", "1.0", "factor", "x gain"),
    edit(
        "heads",
        "scaled.swapaxes(-2, -3).reshape(*lead, T, D)",
        "scaled.reshape(*lead, T, D)",
        "transposed",
        "gain x",
    ),
    edit("heads", "return dmerged * gain", "return dmerged", "product", "x"),
    edit("grouped", "(dy * q).sum(axis=1)", "(dy * q).mean(axis=1)", "factor", "k"),
    edit("grouped", "return dy * k[:, None]", "return dy.copy()", "upstream", "q"),
    edit("dropped", "dy * kept / (1 - p)", "dy * kept", "factor", "x"),
    edit("dropped", "dy * kept / (1 - p)", "dy * kept / p", "factor", "x"),
    edit("dropped", "dy * kept / (1 - p)", "dy / (1 - p)", "masked", "x"),
    edit("squares", "/ x.size", "/ len(x)", "factor", "x target"),
    edit("squares", "return dx, -dx", "return dx, dx.copy()", "swapped", "target"),
    edit("squares", "dx = 2 * dy", "dx = dy", "factor", "x target"),
]


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
    spoiled(FEED_FORWARD, "w_down", "edge", DROPPED, lambda g, a: _with(g, -1, 1.0)),
    spoiled("heads", "gain", "tail", "remainder of tiles of 8", lambda g, a: _first_rows(g, 24)),
    spoiled("lookup", "places", "zero_slices", "two positions", lambda g, a: _with(g, [1, 3], 0.0)),
    spoiled(ATTENTION, "wv", "zero_slices", "two heads", lambda g, a: _with(g, np.s_[:, 2:6], 0.0)),
    spoiled(ATTENTION, "wq", "reversed", "columns reversed", lambda g, a: g[:, ::-1]),
    spoiled("residual", "x", "shifted", "off by one in time", lambda g, a: _moved(g, 1)),
    spoiled("permute", "x", "shifted", "rolled", lambda g, a: np.roll(g, 1, axis=0)),
    spoiled(
        ATTENTION,
        "wk",
        "transposed",
        "heads and features",
        lambda g, a: g.reshape(12, 3, 4).swapaxes(1, 2).reshape(12, 12),
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
        "wq",
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
CORPUS = [*EDITS, *SPOILED]
