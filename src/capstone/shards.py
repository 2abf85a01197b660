"""Several cores for one training step: replicas of the model, each with a part of the batch.

NumPy's elementwise work runs on one core, however many there are. So the batch is cut into shards,
and each goes through forward and backward in a thread of its own, with BLAS at one thread. A
replica shares the parameters of the model and owns its gradients, which are then added up in a
fixed order: a run can be repeated to the bit with the same number of shards.

Memory goes with what a forward pass saves for the backward pass. A shard may go through its part in
micro-batches, forward and backward with one of them before the next: then that of one is all there
is at a time.
"""

import copy
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from contextvars import copy_context
from importlib.util import find_spec
from types import TracebackType
from typing import TypeVar

import numpy as np

from capstone._checks import check_positive, fail
from capstone._typing import Array
from capstone.loss import cross_entropy_loss
from capstone.model import TrainableTransformer

T = TypeVar("T")
R = TypeVar("R")


class Shards:
    """Replicas of a model that train it together; use it in a `with` statement.

    Args:
        model: gets the sums of all gradients. It may be used by itself between two steps. Its
            replicas are copies of what it is now, `recompute` included.
        count: number of shards, at least one; with one, everything happens in the caller's thread.
        micro_batches: pieces of each shard's part that go forward and backward one after another;
            a part of fewer rows has one for each row.

    Raises:
        UsageError: a number below 1, or more than one shard without threadpoolctl.
    """

    def __init__(self, model: TrainableTransformer, count: int, micro_batches: int = 1) -> None:
        check_positive("Shards", count=count, micro_batches=micro_batches)
        # loaded here, not when the run has begun: an interrupt while a module starts may end Python
        # as if nobody had caught it
        self._limit_blas = _load_limits() if count > 1 else None
        self._micro_batches = micro_batches
        self.model = model
        self._replicas = [model, *(_replica(model) for _ in range(count - 1))]
        self._open = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Shards":
        if self._limit_blas is not None:
            # threads of BLAS would wait for each other on the cores that ours are to use
            self._open.enter_context(self._limit_blas(1, "blas"))
            self._pool = self._open.enter_context(ThreadPoolExecutor(len(self._replicas), "shard"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        self._pool = None

    def compute_gradients(
        self,
        inputs: Array,
        targets: Array,
        *,
        ignore_index: int | None = None,
        total: int | None = None,
    ) -> float:
        """Set the model's gradients to those of the mean loss over all valid targets.

        Args:
            inputs: (B, T) integers.
            targets: (B, T) integers.
            ignore_index: target value of positions that do not count.
            total: number of valid targets that the loss is a mean over, where this batch is a part
                of a larger one: losses and gradients of the parts then add up to the whole's.

        Returns:
            The loss, in nats per valid target; of a part, what it adds to the loss of the whole.

        Raises:
            UsageError: inputs and targets of different shapes; else see the model's `forward`.
        """
        check_batch("Shards.compute_gradients", inputs, targets)
        cuts = cut_all(len(inputs), len(self._replicas))
        count = len(cuts)
        mean_over = max(1, count_valid(targets, ignore_index) if total is None else total)

        def run(shard: int) -> float:
            model, loss = self._replicas[shard], 0.0
            mine, wanted = inputs[cuts[shard]], targets[cuts[shard]]
            model.flat.grad.fill(0)
            for piece in cut_all(len(mine), self._micro_batches):
                share = count_valid(wanted[piece], ignore_index) / mean_over
                loss += _add_gradients(model, mine[piece], wanted[piece], share, ignore_index)
            return loss

        losses = self.each(run, range(count))
        if count > 1:
            self.each(lambda number: self._add_up(number, count), range(count))
        return sum(losses)

    def _add_up(self, number: int, count: int) -> None:
        """Add the gradients of the first `count` replicas, shard by shard, in one of the pieces."""
        total = self._replicas[0].flat.grad
        piece = cut(total.size, number, count)
        for replica in self._replicas[1:count]:
            total[piece] += replica.flat.grad[piece]

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Call a function with every item; see `each_with_model`."""
        return self.each_with_model(lambda _, item: function(item), items)

    def each_with_model(
        self, function: Callable[[TrainableTransformer, T], R], items: Sequence[T]
    ) -> list[R]:
        """Call a function with every item; each thread takes as many of them as the others.

        Args:
            function: gets the thread's own replica and an item. It is safe to run in several
                threads, which have the caller's context (and so NumPy's error state).
            items: in the order in which the results are wanted.

        Returns:
            One result an item.
        """
        count = min(len(self._replicas), len(items))
        if count <= 1:
            return [function(self._replicas[0], item) for item in items]
        if self._pool is None:
            rule, expected = "several shards need their threads", "`with Shards(...) as shards:`"
            fail("Shards", rule, expected=expected, got="a call outside of it")

        def run(number: int) -> list[R]:
            model, own = self._replicas[number], items[cut(len(items), number, count)]
            return [function(model, item) for item in own]

        futures = [self._pool.submit(copy_context().run, run, number) for number in range(count)]
        return [result for future in futures for result in future.result()]


def _load_limits() -> Callable[[int, str], AbstractContextManager[object]]:
    """What sets the number of threads of BLAS for a while."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        rule, mend = "a step of several threads needs threadpoolctl", 'pip install ".[train]"'
        is_absent = isinstance(error, ModuleNotFoundError)
        got = "no such module" if is_absent else f"one that fails: {error}"
        fail("Shards", rule, expected="it installed", got=got, mend=mend)
    limits: Callable[[int, str], AbstractContextManager[object]] = threadpool_limits
    return limits


def usable_cores() -> int:
    """Cores that this process may run on, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads(batch_size: int, *, processes: int = 1) -> int:
    """How many shards a step of so many windows has where nobody asked for a number.

    Args:
        batch_size: rows of the batch of one process.
        processes: how many share this machine's cores.
    """
    if find_spec("threadpoolctl") is None:
        return 1
    return max(1, min(usable_cores() // processes, batch_size))


def check_batch(where: str, inputs: Array, targets: Array) -> None:
    """Inputs and targets are batches of one shape, of at least one row.

    Raises:
        UsageError: they are not.
    """
    if inputs.shape != targets.shape or inputs.ndim < 2 or not len(inputs):
        rule, expected = "inputs and targets must be batches of one shape", "(B, T) twice, B >= 1"
        fail(where, rule, expected=expected, got=f"{inputs.shape} and {targets.shape}")


def cut(size: int, number: int, count: int) -> slice:
    """One of `count` nearly equal pieces of a row."""
    return slice(size * number // count, size * (number + 1) // count)


def cut_all(size: int, count: int) -> list[slice]:
    """All pieces of a row, none of them empty: at most `count`."""
    count = min(size, count)
    return [cut(size, number, count) for number in range(count)]


def count_valid(targets: Array, ignore_index: int | None) -> int:
    """How many targets count."""
    return int(np.count_nonzero(targets != ignore_index))


def _add_gradients(
    model: TrainableTransformer, inputs: Array, targets: Array, share: float, ignore: int | None
) -> float:
    """Forward and backward; adds `share` of the gradients and returns that of the mean loss."""
    loss, grad_logits = cross_entropy_loss(model.forward(inputs), targets, ignore_index=ignore)
    if share != 1:
        grad_logits *= share
    model.backward(grad_logits)
    return share * loss


def _replica(model: TrainableTransformer) -> TrainableTransformer:
    """A copy that shares the parameters and owns its gradients."""
    arrays = [array for p in model.parameters() for array in (p.data, p.grad)]
    packed_anew_anyway = {id(value): value for value in (model.flat, *arrays)}
    replica = copy.deepcopy(model, packed_anew_anyway)
    replica.flat = replica.flat._replace(data=model.flat.data)
    for mine, shared in zip(replica.parameters(), model.parameters(), strict=True):
        mine.data = shared.data
    return replica
