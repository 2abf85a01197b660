"""Causal multi-head attention with its four projections and, if asked for, rotary positions.

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
from capstone.ops.rope import RopeSaved, rope_bwd, rope_fwd

POSITIONS = ("rope", "none")
QUERIES_AT_ONCE = 64  # fewer would meet fewer hidden keys, in products too small to be fast


class AttentionSaved(NamedTuple):
    """What `attention_bwd` needs."""

    q: LinearSaved
    k: LinearSaved
    v: LinearSaved
    rope: RopeSaved | None  # one rotation serves queries and keys
    core: tuple[DotProductAttentionSaved, ...]  # per head; the last one has all keys and values
    out: LinearSaved


class Past(NamedTuple):
    """Keys and values of earlier positions, which later ones look at too."""

    k: Array  # (..., H, T0, K), rotated
    v: Array  # (..., H, T0, K)


def attention_fwd(
    x: Array,
    wq: Array,
    wk: Array,
    wv: Array,
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
        wq: (D, D), queries; heads are consecutive blocks of K = D / n_heads columns.
        wk: (D, D), keys.
        wv: (D, D), values.
        wo: (D, D), from the heads' outputs side by side.
        n_heads: H.
        positions: "rope" rotates queries and keys, "none" leaves them alone.
        past: what precedes the first row of `x`; a constant for the backward pass.
        queries_at_once: rows that look back together. Those before a row's own group never meet
            the keys after it, which saves nearly half of the work for long T.

    Returns:
        `(y, saved)` with y (..., T, D). The keys and values of all positions, `saved.core[-1].k`
        and `saved.core[-1].v`, are the past of what comes next.

    Raises:
        UsageError: H does not divide D, an axis does not fit, unknown positions.
    """
    check_inexact("attention_fwd", x=x)
    check_axes("attention_fwd", "x", x, "T", "D")
    check_positive("attention_fwd", n_heads=n_heads, queries_at_once=queries_at_once)
    check_divisible("attention_fwd", "D", x.shape[-1], "n_heads", n_heads)
    check_choice("attention_fwd", "positions", positions, POSITIONS)
    D = x.shape[-1]
    for name, weight in (("wq", wq), ("wk", wk), ("wv", wv), ("wo", wo)):
        check_last_axes("attention_fwd", name, weight, D, D)
    q, q_saved = linear_fwd(x, wq)  # (..., T, D)
    k, k_saved = linear_fwd(x, wk)  # (..., T, D)
    v, v_saved = linear_fwd(x, wv)  # (..., T, D)
    q, k, v = (split_heads(z, n_heads) for z in (q, k, v))  # (..., H, T, K) each
    rope_saved = None
    if positions == "rope":
        offset = 0 if past is None else past.k.shape[-2]
        q, rope_saved = rope_fwd(q, offset=offset)  # (..., H, T, K)
        k, _ = rope_fwd(k, offset=offset)  # (..., H, T, K)
    if past is not None:
        k, v = _after(past.k, k), _after(past.v, v)  # (..., H, T0 + T, K) each
    heads, core_saved = _attend(q, k, v, queries_at_once)  # (..., H, T, K)
    y, out_saved = linear_fwd(merge_heads(heads), wo)  # (..., T, D)
    return y, AttentionSaved(q_saved, k_saved, v_saved, rope_saved, core_saved, out_saved)


def _after(past: Array, present: Array) -> Array:
    """(..., H, T0 + T, K): the rows of the past, in the precision of those that follow."""
    *lead, _, K = present.shape
    wanted = (*lead, past.shape[-2], K)
    if past.shape != wanted:
        try:
            past = np.broadcast_to(past, wanted)
        except ValueError:
            rule, expected = "the past must fit the keys", f"(..., H, T0, K) like {present.shape}"
            fail("attention_fwd", rule, expected=expected, got=past.shape)
    return np.concatenate([past.astype(present.dtype, copy=False), present], axis=-2)


def _attend(
    q: Array, k: Array, v: Array, at_once: int
) -> tuple[Array, tuple[DotProductAttentionSaved, ...]]:
    """Dot-product attention, for a few queries at a time and the keys up to the last of them."""
    T, T0 = q.shape[-2], k.shape[-2] - q.shape[-2]
    stops = [*range(at_once, T, at_once), T]
    parts = [
        dot_product_attention_fwd(
            q[..., start:stop, :], k[..., : T0 + stop, :], v[..., : T0 + stop, :]
        )
        for start, stop in zip([0, *stops], stops, strict=False)
    ]
    groups, saved = zip(*parts, strict=True)
    y = groups[0] if len(groups) == 1 else np.concatenate(groups, axis=-2)  # (..., H, T, K)
    return y, saved


def attention_bwd(dy: Array, saved: AttentionSaved) -> tuple[Array, Array, Array, Array, Array]:
    """Gradients of `attention_fwd`.

    Args:
        dy: (..., T, D), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx, dwq, dwk, dwv, dwo)` in the shapes of the arguments.
    """
    n_heads = saved.core[-1].k.shape[-3]
    # forward: y = merge_heads(heads) @ wo
    dmerged, dwo = linear_bwd(dy, saved.out)  # (..., T, D), (D, D)
    # forward: heads = dot_product_attention(q, k, v), a few queries at a time
    dheads = split_heads(dmerged, n_heads)  # (..., H, T, K)
    stops = np.cumsum([core.q_scaled.shape[-2] for core in saved.core[:-1]], dtype=int)
    parts = np.split(dheads, stops, axis=-2)
    *earlier, last = map(dot_product_attention_bwd, parts, saved.core)
    dq, dk, dv = last  # (..., H, last T, K), (..., H, T0 + T, K) twice
    for _, dk_part, dv_part in earlier:  # early keys are used by later queries too
        dk[..., : dk_part.shape[-2], :] += dk_part
        dv[..., : dv_part.shape[-2], :] += dv_part
    dq = np.concatenate([*(dq_part for dq_part, _, _ in earlier), dq], axis=-2)  # (..., H, T, K)
    T = dq.shape[-2]
    dk, dv = dk[..., -T:, :], dv[..., -T:, :]  # (..., H, T, K): the past is constant
    if saved.rope is not None:
        (dq,), (dk,) = rope_bwd(dq, saved.rope), rope_bwd(dk, saved.rope)  # (..., H, T, K)
    # forward: q = split_heads(x @ wq), and so for k and v: x is used three times
    dx, dwq = linear_bwd(merge_heads(dq), saved.q)  # (..., T, D), (D, D)
    dx_k, dwk = linear_bwd(merge_heads(dk), saved.k)
    dx_v, dwv = linear_bwd(merge_heads(dv), saved.v)
    dx += dx_k
    dx += dx_v
    return dx, dwq, dwk, dwv, dwo


def split_heads(x: Array, n_heads: int) -> Array:
    """(..., T, D) to (..., H, T, K): each head gets its own block of features. A view."""
    *lead, T, D = x.shape
    return x.reshape(*lead, T, n_heads, D // n_heads).swapaxes(-2, -3)


def merge_heads(x: Array) -> Array:
    """(..., H, T, K) to (..., T, D), the inverse of `split_heads`."""
    *lead, H, T, K = x.shape
    return x.swapaxes(-2, -3).reshape(*lead, T, H * K)
