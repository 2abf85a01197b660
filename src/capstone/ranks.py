"""Several processes for one training step: ranks of a job, each with a part of the batch.

Every rank holds the whole model and draws the same batch, which depends on the seed and the step
alone. It takes its part of the rows through its own shards, and the gradients are added up over the
ranks. As each rank knows all targets, it knows what the mean is over without asking. The result is
the gradient of the whole batch: p sums in place of one, in another order, so that an entry may
differ from that of one process by some p roundings of the largest of its p terms.

Then every rank takes the same step by itself. MPI requires that all ranks get the same sums to the
bit, and all arithmetic after that is the same on machines of one kind, so that the weights stay
the same as well. On machines that differ (in their BLAS, or the processor that it runs on) the
norm of the gradients may differ in its last digit, and the weights slowly part. Sending them around
would hide that, and other causes with it; instead they are compared at each evaluation.
"""

from types import TracebackType

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import ConfigError
from capstone.job import Job
from capstone.shards import Shards, check_batch, count_valid, cut


class Ranks:
    """The shards of all ranks of a job; use it in a `with` statement, as `Shards`.

    Args:
        shards: those of this rank.
        job: the ranks; a job of one leaves everything to the shards.
    """

    def __init__(self, shards: Shards, job: Job) -> None:
        self._shards, self._job = shards, job
        self.each = shards.each

    def __enter__(self) -> "Ranks":
        self._shards.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shards.__exit__(kind, error, trace)

    def compute_gradients(
        self, inputs: Array, targets: Array, *, ignore_index: int | None = None
    ) -> float:
        """Set the model's gradients, in all ranks, to those of the mean loss over the batch.

        Args:
            inputs: (B, T) integers, the same in all ranks, with a row for each of them at least.
            targets: (B, T) integers, the same in all ranks.
            ignore_index: target value of positions that do not count.

        Returns:
            The loss, in nats per valid target.

        Raises:
            ConfigError: fewer rows than ranks.
            UsageError: see `Shards.compute_gradients`.
        """
        if self._job.size == 1:
            return self._shards.compute_gradients(inputs, targets, ignore_index=ignore_index)
        check_batch("Ranks.compute_gradients", inputs, targets)
        check_rows(len(inputs), self._job)
        total = count_valid(targets, ignore_index)
        mine = cut(len(inputs), self._job.rank, self._job.size)
        loss = self._shards.compute_gradients(
            inputs[mine], targets[mine], ignore_index=ignore_index, total=total
        )
        loss = self._job.meet(loss)
        self._job.add_up(self._shards.model.flat.grad)
        return loss


def check_rows(rows: int, job: Job) -> None:
    """A batch has a row for each rank.

    Raises:
        ConfigError: it has not.
    """
    if rows < job.size:
        rule, expected = "every rank needs a row of the batch", f"batch_size >= {job.size}"
        mend = "start fewer processes, or use a larger batch_size"
        fail("ranks", rule, expected=expected, got=rows, mend=mend, error=ConfigError)
