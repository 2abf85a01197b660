"""Ranks of a job: the gradient of the whole batch, in every rank, whatever their number."""

import numpy as np
import pytest

import tolerances
from capstone.errors import ConfigError, UsageError
from capstone.job import Job
from capstone.model import ModelConfig, TrainableTransformer
from capstone.ranks import Ranks
from capstone.shards import Shards
from unit.closeness import distance
from unit.fake_job import run_ranks

SMALL = ModelConfig(11, seq_len=6, d_model=12, n_layers=2, n_heads=3, d_ff=7)
B, T = 5, 6


@pytest.fixture
def batch():
    """Inputs and targets; one row counts less than the others, and another not at all."""
    inputs, targets = np.random.default_rng(0).integers(0, 11, (2, B, T))
    targets[0, 1:] = targets[4] = -1
    return inputs, targets


def gradients_of(batch, job=None, threads=1):
    model = TrainableTransformer(SMALL, dtype=np.float64)
    with Ranks(Shards(model, threads), job or Job()) as ranks:
        model.flat.grad.fill(9)  # of the step before
        loss = ranks.compute_gradients(*batch, ignore_index=-1)
    return loss, model.flat.grad


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_any_number_of_ranks_gives_the_gradient_of_the_whole_batch(batch, size, threads):
    wanted_loss, wanted = gradients_of(batch)
    found = run_ranks(size, lambda job: gradients_of(batch, job, threads))
    for loss, grad in found:
        assert distance(loss, wanted_loss) < tolerances.TWO_WAYS
        assert distance(grad, wanted) < tolerances.TWO_WAYS
        assert loss == found[0][0]
        np.testing.assert_array_equal(grad, found[0][1])


def test_every_row_has_one_rank(batch):
    seen = []

    class Spy(Shards):
        def compute_gradients(self, inputs, targets, **options):
            seen.append(len(inputs))
            return super().compute_gradients(inputs, targets, **options)

    def work(job):
        with Ranks(Spy(TrainableTransformer(SMALL), 1), job) as ranks:
            ranks.compute_gradients(*batch)

    run_ranks(3, work)
    assert sorted(seen) == [1, 2, 2]


def test_a_batch_that_does_not_count_at_all_has_no_loss_and_no_gradient(batch):
    for loss, grad in run_ranks(2, lambda job: gradients_of((batch[0], 0 * batch[1] - 1), job)):
        assert loss == 0
        assert not grad.any()


def test_a_batch_with_fewer_rows_than_ranks_is_refused(batch):
    message = (
        "ranks: every rank needs a row of the batch: expected batch_size >= 6, got 5; "
        "start fewer processes, or use a larger batch_size"
    )
    refused, *_ = run_ranks(6, lambda job: gradients_of(batch, job))
    assert (type(refused), str(refused)) == (ConfigError, message)


def test_inputs_and_targets_of_different_lengths_are_refused(batch):
    inputs, targets = batch
    first, *_ = run_ranks(2, lambda job: gradients_of((inputs[:-1], targets), job))
    words = "Ranks.compute_gradients: inputs and targets must be batches of one shape: expected"
    assert isinstance(first, UsageError)
    assert str(first).startswith(words)


def test_what_fails_in_the_part_of_one_rank_names_it(batch):
    batch[0][-1, -1] = 11
    failed, *_ = run_ranks(2, lambda job: gradients_of(batch, job))
    assert "rank 1 of 2" in str(failed)
    assert "tokens out of range" in str(failed)
