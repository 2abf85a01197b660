"""From a text to batches of token ids; every part is usable alone."""

from capstone.data.batching import (
    count_epoch_batches,
    epoch_batches,
    evaluation_batches,
    random_batch,
)
from capstone.data.corpus import embedded_text, read_text, split
from capstone.data.tokenizer import CharTokenizer

__all__ = [
    "CharTokenizer",
    "count_epoch_batches",
    "embedded_text",
    "epoch_batches",
    "evaluation_batches",
    "random_batch",
    "read_text",
    "split",
]
