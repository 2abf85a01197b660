"""What moves the parameters: optimizers, gradient clipping, the learning-rate schedule."""

from capstone.optim.adam import Adam, AdamW, is_matrix
from capstone.optim.clip import clip_grad_norm
from capstone.optim.schedule import WarmupCosine, warmup_cosine
from capstone.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "WarmupCosine",
    "clip_grad_norm",
    "is_matrix",
    "warmup_cosine",
]
