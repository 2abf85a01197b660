"""The sizes that `growth.py` varies, and what a step at them should cost by counting.

The counts are those of the code as it stands: queries look back in groups, and each group meets the
keys up to its last query only.
"""

from typing import NamedTuple

from capstone.model import ModelConfig
from capstone.ops.attention import QUERIES_AT_ONCE
from capstone.presets import BATCH_SIZES, PRESETS, preset

VOCABULARY = 65  # as in the sizes of the benchmarks
PRESET = "tiny"
HEAD_WIDTH = PRESETS[PRESET]["d_model"] // PRESETS[PRESET]["n_heads"]
FLOAT_BYTES = 4
STEPS = (1, 2, 3, 4, 6, 8, 12, 16)  # even enough in the logarithm, and whole numbers of layers


class Row(NamedTuple):
    """One size that grows while the others stay."""

    symbol: str
    sizes: tuple[int, ...]


ROWS = {
    "context": Row("T", tuple(32 * step for step in STEPS)),
    "width": Row("D", tuple(HEAD_WIDTH * step for step in STEPS)),
    "layers": Row("L", STEPS),
    "batch": Row("B", tuple(3 * step for step in STEPS)),
}


def point(row: str, size: int) -> tuple[ModelConfig, int]:
    """The model and the batch size of a point: the preset's but for one size."""
    batch = size if row == "batch" else BATCH_SIZES[PRESET]
    changed = {
        "context": {"seq_len": size},
        "width": {"d_model": size, "n_heads": size // HEAD_WIDTH},
        "layers": {"n_layers": size},
        "batch": {},
    }
    return preset(PRESET, vocab_size=VOCABULARY, **changed[row]), batch


def count_operations(config: ModelConfig, batch: int) -> int:
    """Multiplications and additions of all matrix products of one step's gradients.

    Every weight of a matrix takes part in three products of each token, one forward and two
    backward; the table of the embedding in one more, which gathers its gradient. Attention has two
    products forward and four backward, each with one term a score and feature.
    """
    c, tokens = config, batch * config.seq_len
    weights = c.n_layers * (4 * c.d_model**2 + 3 * c.d_model * c.d_ff)
    table = c.vocab_size * c.d_model
    scores = c.n_layers * batch * count_scores(c.seq_len)  # of one head
    return 2 * (tokens * (3 * weights + 4 * table) + 6 * scores * c.d_model)


def count_saved_bytes(config: ModelConfig, batch: int) -> int:
    """Bytes of what the layers remember at the end of the forward pass, each array once.

    A block keeps eight arrays of width D (both normalized streams, before and after the gain;
    queries, keys, values, merged heads), four of width F, two reciprocals, and the weights of
    attention; the last norm and the head keep two of width D and a reciprocal.
    """
    c, tokens = config, batch * config.seq_len
    rows = c.n_layers * (8 * c.d_model + 4 * c.d_ff + 2) + 2 * c.d_model + 1
    scores = c.n_layers * batch * c.n_heads * count_scores(c.seq_len)
    return FLOAT_BYTES * (tokens * rows + scores)


def count_scores(T: int) -> int:
    """Pairs of a query and a key that one head computes for one sequence."""
    stops = [*range(QUERIES_AT_ONCE, T, QUERIES_AT_ONCE), T]
    starts = [0, *stops[:-1]]
    return sum((stop - start) * stop for start, stop in zip(starts, stops, strict=True))
