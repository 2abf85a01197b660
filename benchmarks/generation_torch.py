"""The generation of `generation.py` in eager PyTorch, with keys and values kept.

Needs `tests` on the path.
"""

from collections.abc import Callable

import torch
from generation import PROMPT
from torch import Tensor

from capstone.model import TrainableTransformer
from oracle.reference_layers import load, rotation
from oracle.reference_model import Transformer

Past = tuple[Tensor, Tensor]  # keys and values, (B, H, T0, K) each


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
        normed = block.attention_norm(x)  # (1, T, D)
        y, pasts[index] = block.attention.attend(normed, angles, pasts[index])  # (1, T, D)
        x = x + y  # (1, T, D)
        x = x + block.feed_forward(block.feed_forward_norm(x))  # (1, T, D)
    return module.head(module.norm(x[:, -1]))
