"""The pre-norm transformer block: two residual branches."""

import numpy as np
import numpy.typing as npt

from capstone._typing import Array, Seed
from capstone.layers.attention import MultiHeadAttention
from capstone.layers.feed_forward import FeedForward
from capstone.layers.initialize import generator
from capstone.layers.layer import Layer
from capstone.layers.norm import RMSNorm


class TransformerBlock(Layer):
    """`h = x + attention(norm(x))`, then `y = h + feed_forward(norm(h))`.

    Source: Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture" (pre-norm);
    derivation in docs/derivations/block.md.

    Args:
        d_model: D.
        n_heads: H.
        d_ff: F.
        positions: "rope" or "none".
        seed: for the initial weights.
        std: standard deviation of the initial weights.
        out_std: the same for the two that write into the residual stream, `wo` and `w_down`.
        dtype: of the weights.
        recompute: keep the input alone, and run forward again in `backward`; see `recompute`.
    """

    recompute: bool
    """Whether forward passes keep their input alone: less memory for a second forward pass.

    Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost". Gradients have the
    same bits either way. A forward pass that looks back at a past keeps everything.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int,
        *,
        positions: str = "rope",
        seed: Seed = 0,
        std: float = 0.02,
        out_std: float | None = None,
        dtype: npt.DTypeLike = np.float32,
        recompute: bool = False,
    ) -> None:
        rng = generator(seed)
        self.recompute = recompute
        self.attention_norm = RMSNorm(d_model, dtype=dtype)
        self.attention = MultiHeadAttention(
            d_model, n_heads, positions=positions, seed=rng, std=std, out_std=out_std, dtype=dtype
        )
        self.feed_forward_norm = RMSNorm(d_model, dtype=dtype)
        self.feed_forward = FeedForward(
            d_model, d_ff, seed=rng, std=std, out_std=out_std, dtype=dtype
        )

    def forward(self, x: Array) -> Array:
        """(..., T, D) to (..., T, D)."""
        looks_back = self.attention.past is not None or self.attention.reads_on
        keeps_input_alone = self.recompute and not looks_back  # a past may change before backward
        y = self._add_branches(x)
        if keeps_input_alone and self.keeps:
            self.forget()
        return self.keep(y, x if keeps_input_alone else None)

    def _add_branches(self, x: Array) -> Array:
        """The forward pass; the parts remember it."""
        h = x + self.attention.forward(self.attention_norm.forward(x))  # (..., T, D)
        return h + self.feed_forward.forward(self.feed_forward_norm.forward(h))  # (..., T, D)

    def backward(self, grad_output: Array) -> Array:
        """(..., T, D) to (..., T, D); adds to the gradients of all weights inside."""
        if self._saved is not None:  # the input alone: bring back what the parts saved
            self._add_branches(self.take_saved(grad_output))
        # forward: y = h + feed_forward(norm(h)): h arrives by two paths, so its gradients add
        dbranch = self.feed_forward_norm.backward(self.feed_forward.backward(grad_output))
        dh = grad_output + dbranch  # (..., T, D)
        # forward: h = x + attention(norm(x)): and so does x
        return dh + self.attention_norm.backward(self.attention.backward(dh))  # (..., T, D)
