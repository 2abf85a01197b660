"""Embedding: look up one row of a table for every token.

Derivation in docs/derivations/embedding.md.
"""

from typing import NamedTuple

import numpy as np

from capstone._checks import check_axes, check_ids, check_inexact
from capstone._typing import Array
from capstone.ops.reduce import as_matrix

ONE_HOT_LIMIT = 128  # up to about this vocabulary a one-hot product beats sorting


class EmbeddingSaved(NamedTuple):
    """What `embedding_bwd` needs."""

    tokens: Array  # (..., T) integers
    vocab_size: int


def embedding_fwd(tokens: Array, weight: Array) -> tuple[Array, EmbeddingSaved]:
    """Row `tokens[..., t]` of the table, for every position.

    Args:
        tokens: (..., T) integers in [0, V).
        weight: (..., V, D); leading axes broadcast against those of `tokens`, forward pass only.

    Returns:
        `(y, saved)` with y (..., T, D).

    Raises:
        UsageError: tokens that are no integers or out of range.
    """
    check_inexact("embedding_fwd", weight=weight)
    check_axes("embedding_fwd", "weight", weight, "V", "D")
    vocab_size = weight.shape[-2]
    check_ids("embedding_fwd", "tokens", tokens, vocab_size)
    saved = EmbeddingSaved(tokens, vocab_size)
    if weight.ndim == 2:
        return weight[tokens], saved  # (..., T, D)
    rows = tokens[..., None]  # (..., T, 1)
    depth = max(rows.ndim, weight.ndim)
    rows = rows.reshape((1,) * (depth - rows.ndim) + rows.shape)
    table = weight.reshape((1,) * (depth - weight.ndim) + weight.shape)
    return np.take_along_axis(table, rows, axis=-2), saved  # (..., T, D)


def embedding_bwd(dy: Array, saved: EmbeddingSaved) -> tuple[Array]:
    """Gradient of `embedding_fwd`: each row collects the gradients of all its uses.

    `dweight[tokens] += dy` would keep only the last of several uses of a token.

    Args:
        dy: (..., T, D).
        saved: what the forward pass returned.

    Returns:
        `(dweight,)` of shape (V, D); rows of absent tokens are zero.
    """
    tokens, vocab_size = saved
    # forward: y[n] = weight[tokens[n]], that is one_hot(tokens) @ weight
    ids, rows = tokens.reshape(-1), as_matrix(dy)  # (N,), (N, D)
    if vocab_size <= ONE_HOT_LIMIT:
        one_hot = np.zeros((ids.size, vocab_size), dtype=dy.dtype)  # (N, V)
        one_hot[np.arange(ids.size), ids] = 1
        return (one_hot.T @ rows,)
    dweight = np.zeros((vocab_size, dy.shape[-1]), dtype=dy.dtype)  # (V, D)
    if ids.size:
        order = np.argsort(ids, kind="stable")  # (N,) uses of one token lie side by side
        present, starts = np.unique(ids[order], return_index=True)
        dweight[present] = np.add.reduceat(rows[order], starts, axis=0)
    return (dweight,)
