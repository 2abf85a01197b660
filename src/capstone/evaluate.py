"""The loss over a whole split, each target counted once."""

from capstone._typing import Array
from capstone.data import evaluation_batches
from capstone.data.batching import Batch
from capstone.model import TrainableTransformer
from capstone.ops.cross_entropy import cross_entropy_fwd
from capstone.shards import Shards

EVALUATION_TOKENS = 1024  # a forward pass: more take more memory and are no faster


def evaluate(shards: Shards, ids: Array, *, seq_len: int) -> float:
    """Mean loss over all targets of a split, in nats per token.

    The split is cut into consecutive windows without overlap; no target is left out.

    Args:
        shards: of a model in any state of training; the batches are spread over their threads.
        ids: (N,) token ids, at least two.
        seq_len: T, the longest context.

    Raises:
        UsageError: the split is too short.
    """
    batch_size = max(1, EVALUATION_TOKENS // seq_len)
    batches = list(evaluation_batches(ids, batch_size=batch_size, seq_len=seq_len))
    totals = shards.each_with_model(_total_loss, batches)
    return sum(totals) / sum(targets.size for _, targets in batches)


def _total_loss(model: TrainableTransformer, batch: Batch) -> float:
    """The loss of a batch, times its number of targets."""
    inputs, targets = batch
    loss, _ = cross_entropy_fwd(model.infer(inputs), targets)
    return float(loss) * targets.size
