"""Shards of a batch: the gradient of the whole, whatever their number."""

import copy
import sys
import tracemalloc
import types

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import tolerances
from capstone.errors import UsageError
from capstone.gradcheck import check
from capstone.loss import cross_entropy_loss
from capstone.model import ModelConfig, TrainableTransformer
from capstone.optim import AdamW
from capstone.shards import Shards, default_threads
from unit.closeness import distance

SMALL = ModelConfig(11, seq_len=6, d_model=12, n_layers=2, n_heads=3, d_ff=7)
B, T = 5, 6


@pytest.fixture
def model() -> TrainableTransformer:
    return TrainableTransformer(SMALL, dtype=np.float64)


@pytest.fixture
def batch() -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, of which one row counts much less than the others."""
    inputs, targets = np.random.default_rng(0).integers(0, 11, (2, B, T))
    targets[0, 1:] = targets[3, 2:4] = -1
    return inputs, targets


def gradients_of(model, count, batch, micro_batches=1, **options):
    with Shards(model, count, micro_batches) as shards:
        loss = shards.compute_gradients(*batch, ignore_index=-1, **options)
    return loss, model.flat.grad.copy()


@pytest.mark.parametrize("micro_batches", [1, 2, 3, 9])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_any_number_of_parts_gives_the_gradient_of_the_whole_batch(
    model, batch, count, micro_batches
):
    inputs, targets = batch
    wanted, grad_logits = cross_entropy_loss(model.forward(inputs), targets, ignore_index=-1)
    model.zero_grad()
    model.backward(grad_logits)
    whole = model.flat.grad.copy()
    loss, grad = gradients_of(model, count, batch, micro_batches)
    assert distance(loss, wanted) < tolerances.TWO_WAYS
    assert distance(grad, whole) < tolerances.TWO_WAYS


def test_the_same_number_of_parts_gives_the_same_bits(model, batch):
    first, again = (gradients_of(model, 2, batch, micro_batches=2) for _ in range(2))
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_the_gradient_is_right(model, batch, micro_batches, recompute):
    model.recompute = recompute

    def loss_of(data):
        model.flat.data[...] = data
        return cross_entropy_loss(model.forward(batch[0]), batch[1], ignore_index=-1)[0]

    def gradient(data):
        model.flat.data[...] = data
        return gradients_of(model, 2, batch, micro_batches)[1]

    check(loss_of, model.flat.data.copy(), gradient=gradient, depth="projection").raise_if_wrong()


@pytest.mark.parametrize("count", [1, 2])
def test_a_micro_batch_is_through_both_passes_before_the_next(model, batch, monkeypatch, count):
    calls = []

    def watched(name, own):
        def call(self, array):
            calls.append((id(self), name, len(array)))
            return own(self, array)

        return call

    for name in ("forward", "backward"):
        own = getattr(TrainableTransformer, name)
        monkeypatch.setattr(TrainableTransformer, name, watched(name, own))
    gradients_of(model, count, batch, micro_batches=2)
    shards = {shard for shard, *_ in calls}
    by_shard = [[call[1:] for call in calls if call[0] == shard] for shard in shards]
    rows = {1: [[2, 3]], 2: [[1, 1], [1, 2]]}[count]
    wanted = [[(name, n) for n in r for name in ("forward", "backward")] for r in rows]
    assert sorted(by_shard, key=str) == wanted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recomputation_in_shards_and_micro_batches_gives_the_same_bits(batch, dtype):
    model = TrainableTransformer(SMALL, dtype=dtype)
    kept = gradients_of(model, 2, batch, micro_batches=2)
    model.recompute = True
    recomputed = gradients_of(model, 2, batch, micro_batches=2)
    assert recomputed[0] == kept[0]
    assert recomputed[1].dtype == dtype
    np.testing.assert_array_equal(recomputed[1], kept[1])


def test_replicas_recompute_as_the_model_does(model):
    model.recompute = True
    with Shards(model, 2) as shards:
        assert [replica.recompute for replica in shards._replicas] == [True, True]


def test_a_replica_shares_the_parameters_and_owns_its_gradients(model):
    model.flat.grad[...] = 1
    with Shards(model, 2) as shards:
        _, replica = shards._replicas
    for mine, shared in zip(replica.parameters(), model.parameters(), strict=True):
        assert mine.data is shared.data
        assert np.shares_memory(mine.grad, replica.flat.grad)
        assert not np.shares_memory(mine.grad, model.flat.grad)
    assert replica.flat.data is model.flat.data
    assert model.embedding.weight.grad.base is model.flat.grad


def test_making_a_replica_copies_the_parameters_no_more_often_than_packing_does():
    model = TrainableTransformer(ModelConfig(400, d_model=64, n_layers=1))
    tracemalloc.start()
    Shards(model, 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * model.flat.data.nbytes


def test_replicas_follow_the_parameters(model, batch):
    with Shards(model, 2) as shards:
        before = shards.compute_gradients(*batch, ignore_index=-1)
        model.flat.data[...] *= 3
        after = shards.compute_gradients(*batch, ignore_index=-1)
    assert after == gradients_of(model, 2, batch)[0] != before


def test_a_batch_that_does_not_count_at_all_has_no_loss_and_no_gradient(model, batch):
    inputs, _ = batch
    loss, grad = gradients_of(model, 2, (inputs, np.full((B, T), -1)), micro_batches=2)
    assert loss == 0
    assert not grad.any()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("cut", [1, 3])
def test_parts_of_a_batch_add_up_to_the_whole(model, batch, count, cut):
    whole_loss, whole = gradients_of(model, count, batch)
    valid = np.count_nonzero(batch[1] != -1)
    parts = [[half[rows] for half in batch] for rows in (slice(cut), slice(cut, None))]
    losses, grads = zip(
        *(gradients_of(model, count, part, total=valid) for part in parts), strict=True
    )
    assert distance(sum(losses), whole_loss) < tolerances.TWO_WAYS
    assert distance(sum(grads), whole) < tolerances.TWO_WAYS


def test_what_fails_in_a_shard_is_raised(model, batch):
    inputs, targets = batch
    inputs[-1, -1] = 11
    with pytest.raises(UsageError, match="tokens out of range"):
        gradients_of(model, 2, (inputs, targets))


def test_the_error_state_of_numpy_holds_in_shards(model, batch):
    model.flat.data[...] = np.inf
    with np.errstate(all="ignore"):
        assert np.isnan(gradients_of(model, 2, batch)[0])


def test_a_model_with_replicas_can_be_copied(model, batch):
    with Shards(model, 2):
        twin = copy.deepcopy(model)
    assert not np.shares_memory(twin.flat.data, model.flat.data)


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [((B, T), (B, T - 1)), ((T,), (T,)), ((0, T), (0, T))],
    ids=["shapes differ", "no batch", "no rows"],
)
def test_other_than_batches_of_one_shape_are_refused(model, inputs, targets):
    words = r"^Shards.compute_gradients: inputs and targets must be batches of one shape: expected"
    with pytest.raises(UsageError, match=words):
        gradients_of(model, 1, (np.zeros(inputs, int), np.zeros(targets, int)))


def test_shards_outside_of_their_with_statement_are_refused(model, batch):
    shards = Shards(model, 2)
    with pytest.raises(UsageError, match=r"^Shards: several shards need their threads: expected"):
        shards.compute_gradients(*batch, ignore_index=-1)
    with shards:
        shards.compute_gradients(*batch, ignore_index=-1)
    with pytest.raises(UsageError, match="got a call outside of it"):
        shards.compute_gradients(*batch, ignore_index=-1)


@pytest.mark.parametrize(
    ("cores", "batch_size", "processes", "count"),
    [(2, 12, 1, 2), (8, 3, 1, 3), (1, 5, 1, 1), (8, 9, 3, 2), (2, 3, 4, 1)],
)
def test_by_default_every_core_has_a_shard(monkeypatch, cores, batch_size, processes, count):
    monkeypatch.setattr("capstone.shards.usable_cores", lambda: cores)
    assert default_threads(batch_size, processes=processes) == count


def test_without_threadpoolctl_there_is_one_shard(monkeypatch):
    monkeypatch.setattr("capstone.shards.find_spec", lambda name: None)
    assert default_threads(12) == 1


def test_one_shard_needs_no_threadpoolctl(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with Shards(model, 1) as shards:
        assert shards.each(lambda item: item + 1, [1, 2]) == [2, 3]


def test_a_threadpoolctl_that_fails_is_named(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", types.ModuleType("threadpoolctl"))
    with pytest.raises(UsageError, match=r"got one that fails: cannot import name .*; pip install"):
        Shards(model, 2)


def test_blas_has_one_thread_meanwhile(model):
    def threads():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    with threadpool_limits(2, "blas"):
        with Shards(model, 2) as shards:
            assert shards.each(lambda _: threads(), [0, 1]) == [{1}, {1}]
        assert threads() == {2}


def test_no_shards_are_refused(model):
    with pytest.raises(UsageError, match=r"^Shards: count must be a positive integer"):
        Shards(model, 0)


def test_no_micro_batches_are_refused(model):
    message = (
        r"^Shards: micro_batches must be a positive integer: expected micro_batches >= 1, got 0$"
    )
    with pytest.raises(UsageError, match=message):
        Shards(model, 1, 0)


def test_a_step_of_adamw_in_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr("capstone.optim.runs.BLOCK", 50)
    twins = [TrainableTransformer(SMALL) for _ in range(2)]
    optimizers = [AdamW(twin.parameters(), lr=0.1) for twin in twins]
    with Shards(twins[1], 3) as shards:
        for (twin, optimizer), options in zip(
            zip(twins, optimizers, strict=True), ({}, {"each": shards.each}), strict=True
        ):
            twin.flat.grad[...] = np.random.default_rng(1).standard_normal(twin.flat.grad.size)
            optimizer.step(**options)
    np.testing.assert_array_equal(twins[0].flat.data, twins[1].flat.data)
    assert not np.array_equal(twins[0].flat.data, TrainableTransformer(SMALL).flat.data)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10])
def test_each_gives_one_result_an_item_in_order(model, size):
    with Shards(model, 3) as shards:
        assert shards.each(lambda item: 2 * item, range(size)) == list(range(0, 2 * size, 2))


def test_what_goes_wrong_in_a_thread_is_raised_here(model):
    with Shards(model, 2) as shards, pytest.raises(ZeroDivisionError):
        shards.each(lambda item: 1 // item, [2, 1, 0, 3])
