"""Token embedding, and the head that may share its table."""

import numpy as np
import numpy.typing as npt

from capstone._checks import check_positive
from capstone._typing import Array, Seed
from capstone.layers.initialize import normal
from capstone.layers.layer import Layer
from capstone.ops.embedding import embedding_bwd, embedding_fwd
from capstone.ops.linear import linear_bwd, linear_fwd
from capstone.parameter import Parameter


class Embedding(Layer):
    """One learned row for every token of the vocabulary.

    Args:
        vocab_size: V.
        d_model: D.
        seed: for the initial table.
        std: standard deviation of the initial entries.
        dtype: of the table.
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        *,
        seed: Seed = 0,
        std: float = 0.02,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        check_positive("Embedding", vocab_size=vocab_size, d_model=d_model)
        self.weight = normal(seed, vocab_size, d_model, std=std, dtype=dtype)  # (V, D)

    def forward(self, tokens: Array) -> Array:
        """(..., T) integers to (..., T, D)."""
        return self.keep(*embedding_fwd(tokens, self.weight.data))

    def backward(self, grad_output: Array) -> None:
        """(..., T, D); adds to `weight.grad`. Tokens have no gradient, so nothing is returned."""
        (dweight,) = embedding_bwd(grad_output, self.take_saved(grad_output))
        self.weight.grad += dweight


class Head(Layer):
    """Logits: the product of each row with every row of a (V, D) table.

    Args:
        weight: (V, D). Pass an embedding's own parameter to tie the two.
    """

    def __init__(self, weight: Parameter) -> None:
        self.weight = weight

    def forward(self, x: Array) -> Array:
        """(..., D) to (..., V)."""
        return self.keep(*linear_fwd(x, self.weight.data.swapaxes(-1, -2)))

    def backward(self, grad_output: Array) -> Array:
        """(..., V) to (..., D); adds to `weight.grad`."""
        dx, dtransposed = linear_bwd(grad_output, self.take_saved(grad_output))  # (..., D), (D, V)
        self.weight.grad += dtransposed.T
        return dx
