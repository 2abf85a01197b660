"""Batches: targets follow inputs, windows stay inside the split, randomness is (seed, step)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstone.data import (
    batching,
    count_epoch_batches,
    epoch_batches,
    evaluation_batches,
    random_batch,
    split,
)
from capstone.errors import DataError, UsageError

# The ids are their own places: arange(n)[i] == i, so that a batch shows where it was cut.
sizes = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(0, 100))  # B, T, spare ids


@given(sizes, st.integers(0, 2**70), st.integers(0, 2**40))
def test_random_targets_follow_their_inputs(size, seed, step):
    B, T, spare = size
    ids = np.arange(T + B + spare)
    inputs, targets = random_batch(ids, batch_size=B, seq_len=T, seed=seed, step=step)
    assert inputs.shape == (B, T)
    assert np.array_equal(inputs, inputs[:, :1] + np.arange(T))
    assert np.array_equal(targets, inputs + 1)


@given(sizes, st.integers(0, 1000), st.integers(0, 1000))
def test_epoch_targets_follow_their_inputs(size, seed, epoch):
    B, T, spare = size
    ids = np.arange((B + 1) * T + spare)
    for inputs, targets in epoch_batches(ids, batch_size=B, seq_len=T, seed=seed, epoch=epoch):
        assert inputs.shape == (B, T)
        assert np.array_equal(inputs, inputs[:, :1] + np.arange(T))
        assert np.array_equal(targets, inputs + 1)


@given(st.integers(40, 400), st.integers(1, 5), st.integers(1, 5), st.integers(0, 100))
def test_training_never_sees_validation(n, B, T, seed):
    train, validation = split(np.arange(n))
    batches = [
        random_batch(train, batch_size=B, seq_len=T, seed=seed, step=step) for step in (0, 1)
    ]
    batches += epoch_batches(train, batch_size=B, seq_len=T, seed=seed, epoch=0)
    assert max(targets.max() for _, targets in batches) < validation[0]


def test_every_window_of_the_split_is_drawn():
    starts = {
        int(random_batch(np.arange(7), batch_size=1, seq_len=4, seed=0, step=step)[0][0, 0])
        for step in range(100)
    }
    assert starts == {0, 1, 2}


def test_the_same_seed_and_step_give_the_same_batch():
    first, second = (
        random_batch(np.arange(1000), batch_size=8, seq_len=5, seed=3, step=7) for _ in range(2)
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("seed", "step"), [(3, 8), (4, 7), (7, 3), (3 + 2**32, 7)])
def test_another_seed_or_step_gives_another_batch(seed, step):
    first = random_batch(np.arange(1000), batch_size=8, seq_len=5, seed=3, step=7)
    other = random_batch(np.arange(1000), batch_size=8, seq_len=5, seed=seed, step=step)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("stream", ["RANDOM_BATCH_STREAM", "EPOCH_STREAM"])
def test_each_kind_of_batch_draws_from_its_own_stream(monkeypatch, stream):
    def draw():
        epoch = epoch_batches(np.arange(100), batch_size=8, seq_len=5, seed=3, epoch=7)
        return random_batch(np.arange(100), batch_size=8, seq_len=5, seed=3, step=7), next(epoch)

    before = dict(zip(("RANDOM_BATCH_STREAM", "EPOCH_STREAM"), draw(), strict=True))
    monkeypatch.setattr(batching, stream, 99)
    after = dict(zip(("RANDOM_BATCH_STREAM", "EPOCH_STREAM"), draw(), strict=True))
    assert [name for name in before if not np.array_equal(before[name], after[name])] == [stream]


def test_batches_do_not_touch_the_global_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  (the legacy state is what is tested)
    random_batch(np.arange(100), batch_size=8, seq_len=5, seed=3, step=7)
    list(epoch_batches(np.arange(100), batch_size=8, seq_len=5, seed=3, epoch=7))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@given(sizes, st.integers(0, 1000), st.integers(0, 1000))
def test_the_windows_of_an_epoch_do_not_overlap(size, seed, epoch):
    B, T, spare = size
    ids = np.arange((B + 1) * T + spare)
    batches = epoch_batches(ids, batch_size=B, seq_len=T, seed=seed, epoch=epoch)
    seen = np.concatenate([inputs.ravel() for inputs, _ in batches])
    assert len(np.unique(seen)) == len(seen)


@given(sizes, st.integers(0, 1000), st.integers(0, 1000))
def test_an_epoch_has_the_announced_number_of_batches(size, seed, epoch):
    B, T, spare = size
    ids = np.arange((B + 1) * T + spare)
    batches = epoch_batches(ids, batch_size=B, seq_len=T, seed=seed, epoch=epoch)
    assert len(list(batches)) == count_epoch_batches(ids, batch_size=B, seq_len=T)


def test_an_epoch_leaves_out_less_than_two_windows_and_a_batch():
    ids = np.arange(1000)
    assert count_epoch_batches(ids, batch_size=3, seq_len=10) == (1000 - 10) // 10 // 3


def test_epochs_start_at_every_offset_below_a_window():
    offsets = {
        int(inputs.min()) % 4
        for epoch in range(100)
        for inputs, _ in epoch_batches(np.arange(100), batch_size=1, seq_len=4, seed=0, epoch=epoch)
    }
    assert offsets == {0, 1, 2, 3}


def test_the_windows_of_an_epoch_are_shuffled():
    batches = epoch_batches(np.arange(1000), batch_size=1, seq_len=4, seed=0, epoch=0)
    starts = [int(inputs[0, 0]) for inputs, _ in batches]
    assert starts != sorted(starts)


def test_an_epoch_is_reproducible():
    first, second = (
        list(epoch_batches(np.arange(100), batch_size=2, seq_len=4, seed=1, epoch=2))
        for _ in range(2)
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("seed", "epoch"), [(1, 3), (2, 2), (2, 1)])
def test_another_epoch_or_seed_is_another_order(seed, epoch):
    first = list(epoch_batches(np.arange(100), batch_size=2, seq_len=4, seed=1, epoch=2))
    other = list(epoch_batches(np.arange(100), batch_size=2, seq_len=4, seed=seed, epoch=epoch))
    assert not np.array_equal(first, other)


@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 9))
def test_evaluation_covers_every_target_once_and_in_order(n, B, T):
    batches = list(evaluation_batches(np.arange(n), batch_size=B, seq_len=T))
    targets = np.concatenate([targets.ravel() for _, targets in batches])
    assert np.array_equal(targets, np.arange(1, n))


@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 9))
def test_evaluation_targets_follow_their_inputs(n, B, T):
    for inputs, targets in evaluation_batches(np.arange(n), batch_size=B, seq_len=T):
        assert np.array_equal(inputs, inputs[:, :1] + np.arange(inputs.shape[1]))
        assert np.array_equal(targets, inputs + 1)


def test_evaluation_shapes_shrink_only_at_the_end():
    shapes = [x.shape for x, _ in evaluation_batches(np.arange(24), batch_size=3, seq_len=4)]
    assert shapes == [(3, 4), (2, 4), (1, 3)]


MAKERS = {
    "random_batch": lambda ids, **sizes: random_batch(ids, **sizes, seed=0, step=0),
    "epoch_batches": lambda ids, **sizes: epoch_batches(ids, **sizes, seed=0, epoch=0),
    "evaluation_batches": evaluation_batches,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("name", ["batch_size", "seq_len"])
@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_sizes_must_be_positive(make, name, size):
    sizes = {"batch_size": 2, "seq_len": 3, name: size}
    message = rf"{name} must be a positive integer: expected {name} >= 1, got {size}$"
    with pytest.raises(UsageError, match=message):
        make(np.arange(100), **sizes)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("ids", [np.zeros(100), np.zeros((50, 2), dtype=int)], ids=["float", "2-D"])
def test_ids_must_be_a_row_of_integers(make, ids):
    message = r"ids must be a row of integers: expected integers of shape \(N,\), got .* of shape"
    with pytest.raises(UsageError, match=message):
        make(ids, batch_size=2, seq_len=3)


@pytest.mark.parametrize(
    ("where", "n", "needed"),
    [
        ("random_batch", 6, 7),
        ("random_batch", 0, 7),
        ("epoch_batches", 14, 15),
        ("epoch_batches", 0, 15),
        ("evaluation_batches", 1, 2),
    ],
)
def test_a_batch_larger_than_the_data_is_rejected(where, n, needed):
    batch_size, seq_len = (4, 3)
    message = rf"^{where}: the text is too short for this batch: expected at least {needed} tokens"
    with pytest.raises(DataError, match=rf"{message}, got {n}; use a longer text"):
        MAKERS[where](np.arange(n), batch_size=batch_size, seq_len=seq_len)


@pytest.mark.parametrize(("where", "n"), [("random_batch", 7), ("epoch_batches", 15)])
def test_the_length_named_in_the_message_is_enough(where, n):
    batches = MAKERS[where](np.arange(n), batch_size=4, seq_len=3)
    assert len(list(batches)) > 0


@pytest.mark.parametrize("numbers", [{"seed": -1, "step": 0}, {"seed": 0, "step": -1}])
def test_a_negative_seed_or_step_is_rejected(numbers):
    name = min(numbers, key=numbers.get)
    message = (
        rf"^random_batch: {name} must be a non-negative integer: expected {name} >= 0, got -1$"
    )
    with pytest.raises(UsageError, match=message):
        random_batch(np.arange(100), batch_size=2, seq_len=3, **numbers)
