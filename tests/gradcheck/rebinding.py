"""Gradients that are no longer the arrays they were: numbers stay right, the packed array dies."""

import numpy as np

from cases import Case
from gradcheck.planting import of_layer


def rebound(case: Case) -> list[str]:
    """Names of the parameters whose gradient is another array after a backward pass."""
    layer = case.layer()
    named = [(name, parameter, parameter.grad) for name, parameter in layer.named_parameters()]
    y = layer.forward(*case.inputs())
    layer.backward(np.ones_like(y))
    return [name for name, parameter, grad in named if parameter.grad is not grad]


REBINDING = [
    *of_layer(
        "capstone.layers.attention:MultiHeadAttention.backward",
        "MultiHeadAttention-B2_T5_D12_H3_rope",
        ("a new array", "self.wo.grad += dwo", "self.wo.grad = self.wo.grad + dwo", "wo", ""),
    ),
    *of_layer(
        "capstone.layers.norm:RMSNorm.backward",
        "RMSNorm-B2_T3_D5",
        (
            "a new array",
            "self.gain.grad += dgain",
            "self.gain.grad = self.gain.grad + dgain",
            "gain",
            "",
        ),
    ),
]
"""Bugs that no comparison of numbers finds."""
