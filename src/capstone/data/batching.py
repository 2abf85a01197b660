"""Batches of windows: a window of T ids, and the same window one place later as its targets.

Every function takes the ids of one split and never looks beyond them. What is random is derived
from `(seed, step)` or `(seed, epoch)` alone: resuming at step 700 needs no state of a generator.
"""

from collections.abc import Iterator

import numpy as np

from capstone._checks import check_not_negative, check_positive, fail
from capstone._typing import Array
from capstone.errors import DataError

RANDOM_BATCH_STREAM = 1
"""Keeps the draws of `random_batch` apart from all other randomness of the same seed."""

EPOCH_STREAM = 2
"""Keeps the draws of `epoch_batches` apart from all other randomness of the same seed."""

Batch = tuple[Array, Array]
"""Inputs (B, T) and targets (B, T); `targets[b, t]` is the id that follows `inputs[b, t]`."""


def random_batch(ids: Array, *, batch_size: int, seq_len: int, seed: int, step: int) -> Batch:
    """Windows at random places, the same ones whenever asked for the same `(seed, step)`.

    Args:
        ids: token ids of one split (N,).
        batch_size: B, windows in the batch.
        seq_len: T, tokens in a window.
        seed: the run's seed, at least 0.
        step: the training step, at least 0.

    Returns:
        Inputs (B, T) and targets (B, T).

    Raises:
        UsageError: A size is not positive, the seed or step negative, `ids` not 1-D integers.
        DataError: `ids` hold fewer than B different windows.
    """
    where = "random_batch"
    _check_arguments(where, ids, batch_size, seq_len)
    n_starts = len(ids) - seq_len  # the last window leaves one id for its last target
    _check_enough(where, n_starts, batch_size, len(ids), needed=seq_len + batch_size)
    rng = _generator(where, RANDOM_BATCH_STREAM, seed=seed, step=step)
    starts = rng.integers(n_starts, size=batch_size)  # (B,)
    return _windows(ids, starts, seq_len)


def epoch_batches(
    ids: Array, *, batch_size: int, seq_len: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """One pass over the split: non-overlapping windows in random order.

    The windows start at a random offset below T, so that epochs cut the text in different
    places. What is left over at either end, and an incomplete last batch, is dropped.

    Args:
        ids: token ids of one split (N,).
        batch_size: B, windows in a batch.
        seq_len: T, tokens in a window.
        seed: the run's seed, at least 0.
        epoch: the number of the pass, at least 0.

    Returns:
        An iterator of `count_epoch_batches(...)` batches: inputs (B, T) and targets (B, T).

    Raises:
        UsageError: A size is not positive, the seed or epoch negative, `ids` not 1-D integers.
        DataError: `ids` do not fill one batch.
    """
    where = "epoch_batches"
    n_batches = count_epoch_batches(ids, batch_size=batch_size, seq_len=seq_len)
    _check_enough(where, n_batches, 1, len(ids), needed=(batch_size + 1) * seq_len)
    rng = _generator(where, EPOCH_STREAM, seed=seed, epoch=epoch)
    starts = rng.integers(seq_len) + seq_len * rng.permutation(_count_windows(ids, seq_len))
    return (
        _windows(ids, starts[first : first + batch_size], seq_len)
        for first in range(0, n_batches * batch_size, batch_size)
    )


def count_epoch_batches(ids: Array, *, batch_size: int, seq_len: int) -> int:
    """How many batches `epoch_batches` yields: the same number for every seed and epoch."""
    _check_arguments("count_epoch_batches", ids, batch_size, seq_len)
    return _count_windows(ids, seq_len) // batch_size


def evaluation_batches(ids: Array, *, batch_size: int, seq_len: int) -> Iterator[Batch]:
    """Consecutive windows in which every id but the first is a target exactly once.

    The last batch of whole windows may have fewer than B of them; what then remains is a batch
    of its own, one shorter window. A mean over the split therefore weights each batch by
    `targets.size`.

    Args:
        ids: token ids of one split (N,), at least 2.
        batch_size: B, windows in a batch at most.
        seq_len: T, tokens in a window at most.

    Returns:
        An iterator of inputs and targets, views of `ids`: (b, T) with b <= B, then (1, t) with
        t < T.

    Raises:
        UsageError: A size is not positive, or `ids` not 1-D integers.
        DataError: `ids` hold no target.
    """
    where = "evaluation_batches"
    _check_arguments(where, ids, batch_size, seq_len)
    _check_enough(where, len(ids), 2, len(ids), needed=2)
    return _consecutive_batches(ids[:-1], ids[1:], batch_size, seq_len)


def _consecutive_batches(
    inputs: Array, targets: Array, batch_size: int, seq_len: int
) -> Iterator[Batch]:
    whole = len(inputs) // seq_len * seq_len  # ids in whole windows
    for first in range(0, whole, batch_size * seq_len):
        batch = slice(first, min(first + batch_size * seq_len, whole))
        yield inputs[batch].reshape(-1, seq_len), targets[batch].reshape(-1, seq_len)  # (b, T)
    if whole < len(inputs):
        yield inputs[None, whole:], targets[None, whole:]  # (1, t)


def _windows(ids: Array, starts: Array, seq_len: int) -> Batch:
    places = starts[:, None] + np.arange(seq_len)  # (B, T)
    return ids[places], ids[places + 1]  # (B, T), (B, T)


def _count_windows(ids: Array, seq_len: int) -> int:
    """Windows that fit behind the largest offset, T - 1: N - 1 inputs are left to fill."""
    return max(0, len(ids) - 1 - (seq_len - 1)) // seq_len


def _generator(where: str, stream: int, **numbers: int) -> np.random.Generator:
    """A generator that depends on the stream, on the seed and on the step or epoch only."""
    check_not_negative(where, **numbers)
    seed, index = numbers.values()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, index)))


def _check_arguments(where: str, ids: Array, batch_size: int, seq_len: int) -> None:
    check_positive(where, batch_size=batch_size, seq_len=seq_len)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        got = f"{ids.dtype} of shape {ids.shape}"
        fail(where, "ids must be a row of integers", expected="integers of shape (N,)", got=got)


def _check_enough(where: str, available: int, wanted: int, n_ids: int, *, needed: int) -> None:
    if available < wanted:
        rule = "the text is too short for this batch"
        expected = f"at least {needed} tokens"
        mend = "use a longer text, a smaller batch_size or a smaller seq_len"
        fail(where, rule, expected=expected, got=n_ids, mend=mend, error=DataError)
