"""Verify hand-written backward passes, and see it at work on a transformer written in NumPy.

The verifier is `capstone.gradcheck`. The transformer's parts can be imported from here; they are
loaded at first use, so that the verifier comes without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capstone.data import CharTokenizer
    from capstone.layers import (
        Embedding,
        FeedForward,
        Head,
        MultiHeadAttention,
        RMSNorm,
        TransformerBlock,
    )
    from capstone.loss import compute_perplexity, cross_entropy_loss
    from capstone.model import ModelConfig, TrainableTransformer
    from capstone.optim import SGD, Adam, AdamW, WarmupCosine, clip_grad_norm
    from capstone.parameter import Parameter
    from capstone.presets import preset

_HOME = {
    "Adam": "optim",
    "AdamW": "optim",
    "CharTokenizer": "data",
    "Embedding": "layers",
    "FeedForward": "layers",
    "Head": "layers",
    "ModelConfig": "model",
    "MultiHeadAttention": "layers",
    "Parameter": "parameter",
    "RMSNorm": "layers",
    "SGD": "optim",
    "TrainableTransformer": "model",
    "TransformerBlock": "layers",
    "WarmupCosine": "optim",
    "clip_grad_norm": "optim",
    "compute_perplexity": "loss",
    "cross_entropy_loss": "loss",
    "preset": "presets",
}

__version__ = "0.1.0"
__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CharTokenizer",
    "Embedding",
    "FeedForward",
    "Head",
    "ModelConfig",
    "MultiHeadAttention",
    "Parameter",
    "RMSNorm",
    "TrainableTransformer",
    "TransformerBlock",
    "WarmupCosine",
    "clip_grad_norm",
    "compute_perplexity",
    "cross_entropy_loss",
    "preset",
]


def __getattr__(name: str) -> Any:
    """Load a part of the transformer when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'capstone' has no attribute {name!r}")
    value = getattr(import_module(f"capstone.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
