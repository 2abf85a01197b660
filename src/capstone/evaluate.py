"""The loss over a whole split, each target counted once."""

from capstone._typing import Array
from capstone.data import evaluation_batches
from capstone.model import TrainableTransformer
from capstone.ops.cross_entropy import cross_entropy_fwd

EVALUATION_TOKENS = 1024  # a forward pass: more take more memory and are no faster


def evaluate(model: TrainableTransformer, ids: Array, *, seq_len: int) -> float:
    """Mean loss over all targets of a split, in nats per token.

    The split is cut into consecutive windows without overlap; no target is left out.

    Args:
        model: any state of training.
        ids: (N,) token ids, at least two.
        seq_len: T, the longest context.

    Raises:
        UsageError: the split is too short.
    """
    batch_size = max(1, EVALUATION_TOKENS // seq_len)
    total, count = 0.0, 0
    for inputs, targets in evaluation_batches(ids, batch_size=batch_size, seq_len=seq_len):
        loss, _ = cross_entropy_fwd(model.infer(inputs), targets)
        total += float(loss) * targets.size
        count += targets.size
    return total / count
