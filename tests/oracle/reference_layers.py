"""Every layer once more, as the `torch.nn` module that a PyTorch user would write."""

from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from capstone.layers import Layer


class Head(nn.Linear):
    """Logits; PyTorch keeps the table as (V, D), and so does the layer."""

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__(d_model, vocab_size, bias=False)


class RMSNorm(nn.RMSNorm):
    """With the default eps of the layer."""

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__(d_model, eps=eps)


class Attention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, d_model: int, n_heads: int, positions: str) -> None:
        super().__init__()
        self.n_heads, self.positions = n_heads, positions
        self.wqkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.wo = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        y, _ = self.attend(x, rotation(x.shape[1], x.shape[2] // self.n_heads, x.dtype), None)
        return y

    def attend(
        self, x: Tensor, angles: tuple[Tensor, Tensor], past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, T, D) to (B, T, D), and all keys and values (B, H, T0 + T, K).

        `angles` are the cosines and sines of these positions; with a past, T is 1.
        """
        B, T, D = x.shape
        q, k, v = (
            part.view(B, T, self.n_heads, -1).transpose(1, 2)
            for part in self.wqkv(x).split(D, dim=-1)
        )  # (B, H, T, K) each
        if self.positions == "rope":
            q, k = rotate(q, *angles), rotate(k, *angles)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)  # (B, H, T0 + T, K)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)  # (B, H, T, K)
        return self.wo(heads.transpose(1, 2).reshape(B, T, D)), (k, v)


class FeedForward(nn.Module):
    """The gated network."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.w_gate = nn.Linear(d_model, d_ff, bias=False)
        self.w_up = nn.Linear(d_model, d_ff, bias=False)
        self.w_down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        return self.w_down(F.silu(self.w_gate(x)) * self.w_up(x))


class Block(nn.Module):
    """Two residual branches, each normalized at its start; recomputing makes no difference."""

    def __init__(
        self, d_model: int, n_heads: int, d_ff: int, positions: str, recompute: bool = False
    ) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(d_model)
        self.attention = Attention(d_model, n_heads, positions)
        self.feed_forward_norm = RMSNorm(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


LAYERS = {
    "Embedding": lambda vocab_size, d_model: nn.Embedding(vocab_size, d_model),
    "FeedForward": FeedForward,
    "Head": Head,
    "MultiHeadAttention": Attention,
    "RMSNorm": RMSNorm,
    "TransformerBlock": Block,
}


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, in real arithmetic: half the time of complex products."""
    first, second = x.chunk(2, dim=-1)  # (..., T, K/2) each
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


@lru_cache
def rotation(T: int, K: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (T, K/2) each."""
    frequencies = 10_000 ** -torch.linspace(0, 1, K // 2 + 1, dtype=torch.float64)[:-1]  # (K/2,)
    angles = torch.arange(T, dtype=torch.float64)[:, None] * frequencies  # (T, K/2)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def counterparts(module: nn.Module) -> Iterator[tuple[str, nn.Parameter, bool]]:
    """Yield `(name that the layer gives it, PyTorch's parameter, whether it is transposed)`."""
    seen: set[int] = set()
    for path, part in module.named_modules():
        weight = getattr(part, "weight", None)
        if weight is None or id(weight) in seen:
            continue
        seen.add(id(weight))
        prefix = f"{path}." if path else ""
        if isinstance(part, nn.RMSNorm):
            yield f"{prefix}gain", weight, False
        elif isinstance(part, nn.Embedding | Head):
            yield f"{prefix}weight", weight, False
        else:
            yield path, weight, True  # nn.Linear keeps (out, in)


def load(module: nn.Module, layer: Layer) -> None:
    """Give the module the values of the layer's parameters, and its dtype."""
    ours = dict(layer.named_parameters())
    theirs = {name: (weight, is_transposed) for name, weight, is_transposed in counterparts(module)}
    assert ours.keys() == theirs.keys()
    for name, (weight, is_transposed) in theirs.items():
        data = torch.tensor(ours[name].data)
        weight.data = data.T.contiguous() if is_transposed else data
