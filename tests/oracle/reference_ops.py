"""Every op once more, in PyTorch, which then differentiates it by itself.

Signatures are those of `capstone.ops`, without `saved`; nothing is imported from there.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """PyTorch keeps (F, D)."""
    return F.linear(x, weight.T, bias)


def rmsnorm(x: Tensor, gain: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Over the last axis."""
    return F.rms_norm(x, gain.shape, gain, eps)


def softmax(x: Tensor, *, hidden: Tensor | None = None) -> Tensor:
    """A row that is hidden altogether is NaN in PyTorch and, by convention, zero here."""
    if hidden is None:
        return F.softmax(x, dim=-1)
    y = F.softmax(x.masked_fill(hidden, -torch.inf), dim=-1)  # (..., V)
    return y.masked_fill(hidden.all(dim=-1, keepdim=True), 0)


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """A SiLU gate."""
    return F.silu(gate) * up


def feed_forward(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor) -> Tensor:
    """The gated network."""
    return linear(swiglu(linear(x, w_gate), linear(x, w_up)), w_down)


def rope(x: Tensor, *, offset: int = 0, base: float = 10_000.0) -> Tensor:
    """The pair (x[k], x[k + K/2]) is one complex number; turning it is one product."""
    T, K = x.shape[-2:]
    positions = torch.arange(offset, offset + T, dtype=x.dtype)  # (T,)
    frequencies = base ** (-2 * torch.arange(K // 2, dtype=x.dtype) / K)  # (K/2,)
    angles = torch.outer(positions, frequencies)  # (T, K/2)
    turned = torch.complex(*x.chunk(2, dim=-1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((turned.real, turned.imag), dim=-1)  # (..., T, K)


def dot_product_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`is_causal` aligns the first query with the first key, so the mask is spelled out."""
    Tq, Tk = q.shape[-2], k.shape[-2]
    visible = torch.ones(Tq, Tk, dtype=torch.bool).tril(Tk - Tq)  # (Tq, Tk)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=visible)


def attention(
    x: Tensor,
    wqkv: Tensor,
    wo: Tensor,
    *,
    n_heads: int,
    positions: str = "rope",
    past: Any = None,
    queries_at_once: int = 0,
) -> Tensor:
    """Heads are consecutive blocks of columns. All queries at once, whatever is asked for."""
    q, k, v = (
        (x @ weight).unflatten(-1, (n_heads, -1)).transpose(-2, -3)
        for weight in wqkv.chunk(3, dim=-1)
    )  # (..., H, T, K) each
    if positions == "rope":
        offset = 0 if past is None else past.k.shape[-2]
        q, k = rope(q, offset=offset), rope(k, offset=offset)
    if past is not None:
        k = torch.cat((torch.tensor(past.k), k), dim=-2)  # (..., H, T0 + T, K)
        v = torch.cat((torch.tensor(past.v), v), dim=-2)  # (..., H, T0 + T, K)
    heads = dot_product_attention(q, k, v)  # (..., H, T, K)
    return heads.transpose(-2, -3).flatten(-2) @ wo  # (..., T, D)


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> Tensor:
    """PyTorch's own, plus the z-loss, which it does not have."""
    rows, ids = logits.flatten(0, -2), targets.flatten()  # (N, V), (N,)
    loss = F.cross_entropy(rows, ids, ignore_index=ignore_index, label_smoothing=label_smoothing)
    log_total = rows.logsumexp(dim=-1)[ids != ignore_index]  # (valid,)
    return loss + z_loss * log_total.square().mean() if z_loss else loss


OPS = {
    "attention": attention,
    "cross_entropy": cross_entropy,
    "dot_product_attention": dot_product_attention,
    "embedding": F.embedding,
    "feed_forward": feed_forward,
    "linear": linear,
    "rmsnorm": rmsnorm,
    "rope": rope,
    "silu": F.silu,
    "softmax": softmax,
    "swiglu": swiglu,
}
