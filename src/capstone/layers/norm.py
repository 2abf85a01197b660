"""RMSNorm as a layer."""

import numpy as np
import numpy.typing as npt

from capstone._checks import check_positive
from capstone._typing import Array
from capstone.layers.layer import Layer
from capstone.ops.rmsnorm import rmsnorm_bwd, rmsnorm_fwd
from capstone.parameter import Parameter


class RMSNorm(Layer):
    """Normalize each row to a root mean square of 1, times a learned gain.

    Args:
        d_model: D, the width of a row.
        eps: added to the mean square.
        dtype: of the gain.
    """

    def __init__(
        self, d_model: int, *, eps: float = 1e-5, dtype: npt.DTypeLike = np.float32
    ) -> None:
        check_positive("RMSNorm", d_model=d_model)
        self.eps = eps
        self.gain = Parameter(np.ones(d_model, dtype))  # (D,)

    def forward(self, x: Array) -> Array:
        """(..., D) to (..., D)."""
        return self.keep(*rmsnorm_fwd(x, self.gain.data, eps=self.eps))

    def backward(self, grad_output: Array) -> Array:
        """(..., D) to (..., D); adds to `gain.grad`."""
        dx, dgain = rmsnorm_bwd(grad_output, self.take_saved(grad_output))
        self.gain.grad += dgain
        return dx
