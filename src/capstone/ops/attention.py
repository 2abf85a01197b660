"""Causal multi-head attention with its projections and, if asked for, rotary positions.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2; derivation in
docs/derivations/attention.md.
"""

from typing import NamedTuple

import numpy as np

from capstone._checks import (
    check_axes,
    check_choice,
    check_divisible,
    check_inexact,
    check_last_axes,
    check_positive,
    fail,
)
from capstone._typing import Array
from capstone.ops.dot_product_attention import (
    DotProductAttentionSaved,
    dot_product_attention_bwd,
    dot_product_attention_fwd,
)
from capstone.ops.linear import LinearSaved, linear_bwd, linear_fwd
from capstone.ops.past import Past
from capstone.ops.rope import RopeSaved, rope_bwd, rope_fwd

POSITIONS = ("rope", "none")
QUERIES_AT_ONCE = 64  # fewer would meet fewer hidden keys, in products too small to be fast


class AttentionSaved(NamedTuple):
    """What `attention_bwd` needs."""

    qkv: LinearSaved
    rope: RopeSaved | None  # one rotation serves queries and keys
    core: tuple[DotProductAttentionSaved, ...]  # per head, a few queries each
    out: LinearSaved
    present: Past  # all keys and values: the past of what comes next


def attention_fwd(
    x: Array,
    wqkv: Array,
    wo: Array,
    *,
    n_heads: int,
    positions: str = "rope",
    past: Past | None = None,
    queries_at_once: int = QUERIES_AT_ONCE,
) -> tuple[Array, AttentionSaved]:
    """Let every position gather from itself and the positions before it, in `n_heads` ways.

    Args:
        x: (..., T, D), any float or complex dtype.
        wqkv: (D, 3 D), queries, keys and values side by side, so that one product makes them all;
            in each, heads are consecutive blocks of K = D / n_heads columns.
        wo: (D, D), from the heads' outputs side by side.
        n_heads: H.
        positions: "rope" rotates queries and keys, "none" leaves them alone.
        past: what precedes the first row of `x`; a constant for the backward pass.
        queries_at_once: rows that look back together. Those before a row's own group never meet
            the keys after it, which saves nearly half of the work for long T.

    Returns:
        `(y, saved)` with y (..., T, D).

    Raises:
        UsageError: H does not divide D, an axis does not fit, unknown positions.
    """
    check_inexact("attention_fwd", x=x)
    check_axes("attention_fwd", "x", x, "T", "D")
    check_positive("attention_fwd", n_heads=n_heads, queries_at_once=queries_at_once)
    check_divisible("attention_fwd", "D", x.shape[-1], "n_heads", n_heads)
    check_choice("attention_fwd", "positions", positions, POSITIONS)
    if past is not None:
        _check_past(past)
    D = x.shape[-1]
    check_last_axes("attention_fwd", "wqkv", wqkv, D, 3 * D)
    check_last_axes("attention_fwd", "wo", wo, D, D)
    qkv, qkv_saved = linear_fwd(x, wqkv)  # (..., T, 3 D)
    heads = split_heads(qkv, 3 * n_heads)  # (..., 3 H, T, K): queries, then keys, then values
    qk, v = heads[..., : 2 * n_heads, :, :], heads[..., 2 * n_heads :, :, :]
    rope_saved = None
    if positions == "rope":
        offset = 0 if past is None else past.length
        qk, rope_saved = rope_fwd(qk, offset=offset)  # (..., 2 H, T, K)
    q, k = qk[..., :n_heads, :, :], qk[..., n_heads:, :, :]  # (..., H, T, K) each
    # k and v are kept: as copies, for a view would keep the memory of the queries too
    present = Past(k.copy(), v.copy()) if past is None else past.followed_by(k, v)
    gathered, core_saved = _attend(q, present.k, present.v, queries_at_once)  # (..., H, T, K)
    y, out_saved = linear_fwd(merge_heads(gathered), wo)  # (..., T, D)
    return y, AttentionSaved(qkv_saved, rope_saved, core_saved, out_saved, present)


def _check_past(past: Past) -> None:
    if not isinstance(past, Past):
        rule, got = "past must be a Past", type(past).__name__
        fail("attention_fwd", rule, expected="Past(k, v)", got=got)
    if past.room is None:  # one with room was made by `followed_by`
        for name, array in (("past.k", past.k), ("past.v", past.v)):
            check_inexact("attention_fwd", **{name: array})
            check_axes("attention_fwd", name, array, "H", "T0", "K")


def _attend(
    q: Array, k: Array, v: Array, at_once: int
) -> tuple[Array, tuple[DotProductAttentionSaved, ...]]:
    """Dot-product attention, for a few queries at a time and the keys up to the last of them."""
    T, T0 = q.shape[-2], k.shape[-2] - q.shape[-2]
    if at_once >= T:
        y, core = dot_product_attention_fwd(q, k, v)
        return y, (core,)
    stops = [*range(at_once, T, at_once), T]
    parts = [
        dot_product_attention_fwd(
            q[..., start:stop, :], k[..., : T0 + stop, :], v[..., : T0 + stop, :]
        )
        for start, stop in zip([0, *stops], stops, strict=False)
    ]
    groups, saved = zip(*parts, strict=True)
    return np.concatenate(groups, axis=-2), saved  # (..., H, T, K)


def attention_bwd(dy: Array, saved: AttentionSaved) -> tuple[Array, Array, Array]:
    """Gradients of `attention_fwd`.

    Args:
        dy: (..., T, D), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx, dwqkv, dwo)` in the shapes of the arguments.
    """
    n_heads = saved.core[-1].k.shape[-3]
    # forward: y = merge_heads(gathered) @ wo
    dmerged, dwo = linear_bwd(dy, saved.out)  # (..., T, D), (D, D)
    # forward: gathered = dot_product_attention(q, k, v), a few queries at a time
    dgathered = split_heads(dmerged, n_heads)  # (..., H, T, K)
    stops = np.cumsum([core.q_scaled.shape[-2] for core in saved.core[:-1]], dtype=int)
    parts = np.split(dgathered, stops, axis=-2)
    *earlier, last = map(dot_product_attention_bwd, parts, saved.core)
    dq, dk, dv = last  # (..., H, last T, K), (..., H, T0 + T, K) twice
    for _, dk_part, dv_part in earlier:  # early keys are used by later queries too
        dk[..., : dk_part.shape[-2], :] += dk_part
        dv[..., : dv_part.shape[-2], :] += dv_part
    dq = np.concatenate([*(dq_part for dq_part, _, _ in earlier), dq], axis=-2)  # (..., H, T, K)
    T0 = dk.shape[-2] - dq.shape[-2]
    dk, dv = dk[..., T0:, :], dv[..., T0:, :]  # (..., H, T, K): the past is constant
    if saved.rope is not None:
        (dq,), (dk,) = rope_bwd(dq, saved.rope), rope_bwd(dk, saved.rope)  # (..., H, T, K)
    # forward: q, k and v are the heads of x @ wqkv
    dqkv = merge_heads(dq, dk, dv)  # (..., T, 3 D)
    dx, dwqkv = linear_bwd(dqkv, saved.qkv)  # (..., T, D), (D, 3 D)
    return dx, dwqkv, dwo


def split_heads(x: Array, n_heads: int) -> Array:
    """(..., T, D) to (..., H, T, K): each head gets its own block of features. A view."""
    *lead, T, D = x.shape
    return x.reshape(*lead, T, n_heads, D // n_heads).swapaxes(-2, -3)


def merge_heads(*parts: Array) -> Array:
    """(..., H, T, K) each to (..., T, H K for each), the inverse of `split_heads`."""
    rows = [part.swapaxes(-2, -3) for part in parts]  # (..., T, H, K) each
    merged = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=-2)
    *lead, n_heads, K = merged.shape
    return merged.reshape(*lead, n_heads * K)
