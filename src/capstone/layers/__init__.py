"""Thin layers around the ops: `forward`, `backward`, `parameters`, one remembered forward each."""

from capstone.layers.attention import MultiHeadAttention
from capstone.layers.block import TransformerBlock
from capstone.layers.embedding import Embedding, Head
from capstone.layers.feed_forward import FeedForward
from capstone.layers.layer import Layer
from capstone.layers.norm import RMSNorm

__all__ = [
    "Embedding",
    "FeedForward",
    "Head",
    "Layer",
    "MultiHeadAttention",
    "RMSNorm",
    "TransformerBlock",
]
