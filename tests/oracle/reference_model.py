"""The whole model once more, in PyTorch; the oracle and the speed comparison share it."""

import torch.nn.functional as F
from torch import Tensor, nn

from capstone.model import ModelConfig
from oracle.reference_layers import Block, Head, RMSNorm


class Transformer(nn.Module):
    """A decoder-only transformer; modules have the names of the NumPy model's layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        sizes = (config.d_model, config.n_heads, config.d_ff, config.positions)
        self.blocks = nn.ModuleList(Block(*sizes) for _ in range(config.n_layers))
        self.norm = RMSNorm(config.d_model)
        self.head = Head(config.vocab_size, config.d_model)
        if config.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) to logits (B, T, V)."""
        x = self.embedding(tokens)  # (B, T, D)
        for block in self.blocks:
            x = block(x)  # (B, T, D)
        return self.head(self.norm(x))


def language_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats per token."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
