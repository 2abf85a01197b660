"""SwiGLU: a SiLU gate times a linear branch.

Source: Shazeer 2020, "GLU Variants Improve Transformer"; derivation in
docs/derivations/swiglu.md.
"""

from typing import NamedTuple

from capstone._checks import check_inexact, check_last_axes
from capstone._typing import Array
from capstone.ops.silu import SiLUSaved, silu_bwd, silu_fwd


class SwiGLUSaved(NamedTuple):
    """What `swiglu_bwd` needs."""

    up: Array  # (..., F)
    gate: SiLUSaved  # (..., F)


def swiglu_fwd(gate: Array, up: Array) -> tuple[Array, SwiGLUSaved]:
    """`silu(gate) * up`, entry by entry.

    Args:
        gate: (..., F), the branch that opens and closes.
        up: (..., F), the branch that carries the signal.

    Returns:
        `(y, saved)` with y (..., F).
    """
    check_inexact("swiglu_fwd", gate=gate, up=up)
    check_last_axes("swiglu_fwd", "up", up, gate.shape[-1])
    activation, gate_saved = silu_fwd(gate)  # (..., F)
    return activation * up, SwiGLUSaved(up, gate_saved)


def swiglu_bwd(dy: Array, saved: SwiGLUSaved) -> tuple[Array, Array]:
    """Gradients of `swiglu_fwd`.

    Args:
        dy: (..., F), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dgate, dup)`, both (..., F).
    """
    up, gate_saved = saved
    # forward: y = silu(gate) * up
    (dgate,) = silu_bwd(dy * up, gate_saved)  # (..., F)
    dup = dy * gate_saved.y  # (..., F)
    return dgate, dup
