"""The gated feed-forward network: two branches in, SwiGLU, one projection out.

Source: Shazeer 2020, "GLU Variants Improve Transformer"; derivation in
docs/derivations/feed_forward.md.
"""

from typing import NamedTuple

from capstone._typing import Array
from capstone.ops.linear import LinearSaved, linear_bwd, linear_fwd
from capstone.ops.swiglu import SwiGLUSaved, swiglu_bwd, swiglu_fwd


class FeedForwardSaved(NamedTuple):
    """What `feed_forward_bwd` needs."""

    gate: LinearSaved
    up: LinearSaved
    swiglu: SwiGLUSaved
    down: LinearSaved


def feed_forward_fwd(
    x: Array, w_gate: Array, w_up: Array, w_down: Array
) -> tuple[Array, FeedForwardSaved]:
    """`(silu(x @ w_gate) * (x @ w_up)) @ w_down`.

    Args:
        x: (..., D), any float or complex dtype.
        w_gate: (D, F).
        w_up: (D, F).
        w_down: (F, D).

    Returns:
        `(y, saved)` with y (..., D).

    Raises:
        UsageError: an axis does not fit.
    """
    gate, gate_saved = linear_fwd(x, w_gate)  # (..., F)
    up, up_saved = linear_fwd(x, w_up)  # (..., F)
    inner, swiglu_saved = swiglu_fwd(gate, up)  # (..., F)
    y, down_saved = linear_fwd(inner, w_down)  # (..., D)
    return y, FeedForwardSaved(gate_saved, up_saved, swiglu_saved, down_saved)


def feed_forward_bwd(dy: Array, saved: FeedForwardSaved) -> tuple[Array, Array, Array, Array]:
    """Gradients of `feed_forward_fwd`.

    Args:
        dy: (..., D), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dx, dw_gate, dw_up, dw_down)` in the shapes of the arguments.
    """
    # forward: y = inner @ w_down
    dinner, dw_down = linear_bwd(dy, saved.down)  # (..., F), (F, D)
    # forward: inner = swiglu(gate, up)
    dgate, dup = swiglu_bwd(dinner, saved.swiglu)  # (..., F), (..., F)
    # forward: gate = x @ w_gate, up = x @ w_up: x is used twice
    del dinner  # the memory of a training step is at its peak below
    dx, dw_gate = linear_bwd(dgate, saved.gate)  # (..., D), (D, F)
    dx_up, dw_up = linear_bwd(dup, saved.up)  # (..., D), (D, F)
    dx += dx_up
    return dx, dw_gate, dw_up, dw_down
