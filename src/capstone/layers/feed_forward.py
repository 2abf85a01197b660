"""The gated feed-forward network as a layer."""

import numpy as np
import numpy.typing as npt

from capstone._checks import check_positive
from capstone._typing import Array, Seed
from capstone.layers.initialize import generator, normal
from capstone.layers.layer import Layer
from capstone.ops.feed_forward import feed_forward_bwd, feed_forward_fwd


class FeedForward(Layer):
    """SwiGLU network with weights `w_gate` and `w_up` (D, F) and `w_down` (F, D).

    Args:
        d_model: D.
        d_ff: F.
        seed: for the initial weights.
        std: standard deviation of the initial `w_gate` and `w_up`.
        out_std: the same for `w_down`; as `std` if not given.
        dtype: of the weights.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        *,
        seed: Seed = 0,
        std: float = 0.02,
        out_std: float | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        check_positive("FeedForward", d_model=d_model, d_ff=d_ff)
        rng = generator(seed)
        self.w_gate = normal(rng, d_model, d_ff, std=std, dtype=dtype)
        self.w_up = normal(rng, d_model, d_ff, std=std, dtype=dtype)
        out_std = std if out_std is None else out_std
        self.w_down = normal(rng, d_ff, d_model, std=out_std, dtype=dtype)

    def forward(self, x: Array) -> Array:
        """(..., D) to (..., D)."""
        weights = (self.w_gate.data, self.w_up.data, self.w_down.data)
        return self.keep(*feed_forward_fwd(x, *weights))

    def backward(self, grad_output: Array) -> Array:
        """(..., D) to (..., D); adds to the gradients of the three weights."""
        dx, dw_gate, dw_up, dw_down = feed_forward_bwd(grad_output, self.take_saved(grad_output))
        self.w_gate.grad += dw_gate
        self.w_up.grad += dw_up
        self.w_down.grad += dw_down
        return dx
