"""Causal scaled dot-product attention: every query averages the values it may look at.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1; derivation in
docs/derivations/dot_product_attention.md.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from capstone._checks import check_axes, check_inexact, check_last_axes, fail
from capstone._typing import Array
from capstone.ops.softmax import SoftmaxSaved, softmax_bwd, softmax_fwd


class DotProductAttentionSaved(NamedTuple):
    """What `dot_product_attention_bwd` needs."""

    q_scaled: Array  # (..., Tq, K)
    k: Array  # (..., Tk, K)
    v: Array  # (..., Tk, K)
    softmax: SoftmaxSaved  # (..., Tq, Tk) attention weights


def dot_product_attention_fwd(
    q: Array, k: Array, v: Array
) -> tuple[Array, DotProductAttentionSaved]:
    """`softmax(q @ k.T / sqrt(K)) @ v`, where no query sees a later position.

    The last query is aligned with the last key: query i sees key j if `j <= i + Tk - Tq`.

    Args:
        q: (..., Tq, K), any float or complex dtype.
        k: (..., Tk, K) with Tk >= Tq.
        v: (..., Tk, K).

    Returns:
        `(y, saved)` with y (..., Tq, K).

    Raises:
        UsageError: an axis does not fit, or there are more queries than keys.
    """
    check_inexact("dot_product_attention_fwd", q=q, k=k, v=v)
    for name, array in (("q", q), ("k", k), ("v", v)):
        check_axes("dot_product_attention_fwd", name, array, "T", "K")
    *_, Tq, K = q.shape
    Tk = k.shape[-2]
    check_last_axes("dot_product_attention_fwd", "k", k, K)
    check_last_axes("dot_product_attention_fwd", "v", v, Tk, K)
    if Tk < Tq:
        rule = "there must be a key for every query"
        fail("dot_product_attention_fwd", rule, expected=f"Tk >= {Tq}", got=f"Tk = {Tk}")
    q_scaled = q * K**-0.5  # (..., Tq, K)
    scores = q_scaled @ k.swapaxes(-1, -2)  # (..., Tq, Tk)
    hidden = future(Tq, Tk) if Tq > 1 else None  # the last query sees all
    weights, softmax_saved = softmax_fwd(scores, hidden=hidden)  # (..., Tq, Tk)
    return weights @ v, DotProductAttentionSaved(q_scaled, k, v, softmax_saved)


def dot_product_attention_bwd(
    dy: Array, saved: DotProductAttentionSaved
) -> tuple[Array, Array, Array]:
    """Gradients of `dot_product_attention_fwd`.

    Args:
        dy: (..., Tq, K), the gradient of the loss with respect to y.
        saved: what the forward pass returned.

    Returns:
        `(dq, dk, dv)` in the shapes of the arguments.
    """
    q_scaled, k, v, softmax_saved = saved
    K = k.shape[-1]
    # forward: y = weights @ v
    dv = softmax_saved.y.swapaxes(-1, -2) @ dy  # (..., Tk, K)
    dweights = dy @ v.swapaxes(-1, -2)  # (..., Tq, Tk)
    # forward: weights = softmax(scores)
    (dscores,) = softmax_bwd(dweights, softmax_saved)  # (..., Tq, Tk)
    # forward: scores = (q * K**-0.5) @ k.T
    dk = dscores.swapaxes(-1, -2) @ q_scaled  # (..., Tk, K)
    dq = dscores @ k  # (..., Tq, K)
    dq *= K**-0.5
    return dq, dk, dv


@lru_cache(maxsize=64)
def future(Tq: int, Tk: int) -> Array:
    """(Tq, Tk) booleans, True where a key lies after the query; read-only."""
    hidden = np.triu(np.ones((Tq, Tk), dtype=bool), 1 + Tk - Tq)
    hidden.flags.writeable = False
    return hidden
