"""The generation of `generation.py` in eager PyTorch, with keys and values kept.

Needs `tests` on the path.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # as PyTorch's own manual spells it
from generation import PROMPT
from torch import Tensor

from capstone.model import TrainableTransformer
from oracle.reference_layers import Attention, load, rotation
from oracle.reference_model import Transformer

Past = tuple[Tensor, Tensor]  # keys and values, (B, H, T0, K) each
Angles = tuple[Tensor, Tensor]  # cosines and sines of the new positions, (T, K/2) each


def make_torch_generation(
    model: TrainableTransformer, count: int, *, threads: int
) -> Callable[[], list[int]]:
    """A call that gives the likeliest `count` tokens of the same model, from the same weights."""
    torch.set_num_threads(threads)
    module = Transformer(model.config).eval()
    load(module, model)
    return lambda: generate(module, model.config.seq_len, count)


@torch.inference_mode()
def generate(module: Transformer, seq_len: int, count: int) -> list[int]:
    """Read the prompt, then every new token by itself."""
    tokens = torch.from_numpy(PROMPT)[None]  # (1, T)
    pasts: list[Past | None] = [None] * len(module.blocks)
    made: list[Tensor] = []
    start = 0
    for _ in range(count):
        logits = next_logits(module, tokens, pasts, start, seq_len)  # (1, V)
        start += tokens.shape[1]
        tokens = logits.argmax(-1, keepdim=True)  # (1, 1)
        made.append(tokens)
    found: list[int] = torch.cat(made, 1)[0].tolist()
    return found


def next_logits(
    module: Transformer, tokens: Tensor, pasts: list[Past | None], start: int, seq_len: int
) -> Tensor:
    """(1, T) new tokens, the first at position `start`, to logits (1, V); renews the pasts."""
    x = module.embedding(tokens)  # (1, T, D)
    attention = module.blocks[0].attention
    K, T = x.shape[-1] // attention.n_heads, tokens.shape[1]
    cos, sin = rotation(seq_len, K, x.dtype)  # (seq_len, K/2) each
    angles = cos[start : start + T], sin[start : start + T]
    for index, block in enumerate(module.blocks):
        y, pasts[index] = attend(
            block.attention, block.attention_norm(x), pasts[index], angles
        )  # (1, T, D)
        x = x + y  # (1, T, D)
        x = x + block.feed_forward(block.feed_forward_norm(x))  # (1, T, D)
    return module.head(module.norm(x[:, -1]))


def attend(
    attention: Attention, x: Tensor, past: Past | None, angles: Angles
) -> tuple[Tensor, Past]:
    """(B, T, D) of new tokens to (B, T, D), and all keys and values; T is 1 if there is a past."""
    B, T, D = x.shape
    q, k, v = (
        project(x).view(B, T, attention.n_heads, -1).transpose(1, 2)
        for project in (attention.wq, attention.wk, attention.wv)
    )  # (B, H, T, K) each
    if attention.positions == "rope":
        q, k = rotate(q, *angles), rotate(k, *angles)
    if past is not None:
        k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)  # (B, H, T0 + T, K)
    heads = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)  # (B, H, T, K)
    return attention.wo(heads.transpose(1, 2).reshape(B, T, D)), (k, v)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`rotate` of the reference, at given positions."""
    first, second = x.chunk(2, dim=-1)  # (B, H, T, K/2) each
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
