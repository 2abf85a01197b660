"""Causal multi-head attention as a layer."""

import numpy as np
import numpy.typing as npt

from capstone._checks import check_choice, check_divisible, check_positive
from capstone._typing import Array, Seed
from capstone.layers.initialize import generator, normal
from capstone.layers.layer import Layer
from capstone.ops.attention import POSITIONS, attention_bwd, attention_fwd
from capstone.ops.past import Past


class MultiHeadAttention(Layer):
    """Causal multi-head attention with projections `wqkv` (D, 3 D) and `wo` (D, D).

    Args:
        d_model: D.
        n_heads: H, a divisor of D; with rotary positions D / H must be even.
        positions: "rope" or "none".
        seed: for the initial weights.
        std: standard deviation of the initial `wqkv`.
        out_std: the same for `wo`; as `std` if not given.
        dtype: of the weights.
    """

    past: Past | None = None
    """What the rows of the next forward passes look back at, beside each other."""

    reads_on: bool = False
    """Whether the rows of a forward pass are part of the past of the next one, as in a text that is
    read token by token; see `capstone.model.Remembering`."""

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        positions: str = "rope",
        seed: Seed = 0,
        std: float = 0.02,
        out_std: float | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        check_positive("MultiHeadAttention", d_model=d_model, n_heads=n_heads)
        check_choice("MultiHeadAttention", "positions", positions, POSITIONS)
        check_divisible("MultiHeadAttention", "d_model", d_model, "n_heads", n_heads)
        if positions == "rope":
            width = d_model // n_heads
            check_divisible("MultiHeadAttention", "head width (for rope)", width, "2", 2)
        rng = generator(seed)
        self.n_heads, self.positions = n_heads, positions
        self.wqkv = normal(rng, d_model, 3 * d_model, std=std, dtype=dtype)
        out_std = std if out_std is None else out_std
        self.wo = normal(rng, d_model, d_model, std=out_std, dtype=dtype)

    def forward(self, x: Array) -> Array:
        """(..., T, D) to (..., T, D); `self.past`, if any, precedes the first row."""
        weights = (self.wqkv.data, self.wo.data)
        n_heads, positions = self.n_heads, self.positions
        y, saved = attention_fwd(x, *weights, n_heads=n_heads, positions=positions, past=self.past)
        if self.reads_on:
            self.past = saved.present
        return self.keep(y, saved)

    def backward(self, grad_output: Array) -> Array:
        """(..., T, D) to (..., T, D); adds to the gradients of both weights."""
        dx, dwqkv, dwo = attention_bwd(grad_output, self.take_saved(grad_output))
        self.wqkv.grad += dwqkv
        self.wo.grad += dwo
        return dx
