"""Every op, layer and small model with inputs designed to expose a wrong gradient.

One table serves `capstone gradcheck`, all test suites and the benchmarks. The inputs avoid what
hides mistakes: axes have pairwise different sizes (a transpose shows), batch and time exceed 1 (a
sum that became a mean shows), gains are signed and far from 1, token ids repeat, some are absent,
rows differ in scale, some activations are saturated, some positions masked or ignored.
"""

import numpy as np

from capstone.case import Case
from capstone.inputs import (
    ignored_targets,
    normal,
    offsets,
    rows_near_eps,
    saturated,
    signed,
    tokens,
    uneven_rows,
)
from capstone.ops.past import Past

PAST = Past(*normal(np.random.default_rng(1), 2, 2, 3, 7, 4))  # (B, H, T0, K) keys and values
HIDDEN = np.array([[False, True, False, False, True], [True] * 5, [False] * 5])  # one row all

OP_CASES = [
    Case("linear", "B2_T3_D5_F7", "op", lambda r: (normal(r, 2, 3, 5), normal(r, 5, 7))),
    Case(
        "linear",
        "B2_T3_D5_F7_bias",
        "op",
        lambda r: (normal(r, 2, 3, 5), normal(r, 5, 7), signed(r, 7)),
    ),
    Case("linear", "D5_F7_bias", "op", lambda r: (normal(r, 5), normal(r, 5, 7), signed(r, 7))),
    Case("embedding", "B2_T5_V7_D3", "op", lambda r: (tokens(r, 7, 2, 5), normal(r, 7, 3))),
    Case(
        "embedding", "B2_T5_V1031_D3", "op", lambda r: (tokens(r, 1031, 2, 5), normal(r, 1031, 3))
    ),
    Case("rmsnorm", "B2_T3_D5", "op", lambda r: (uneven_rows(r, 2, 3, 5), signed(r, 5))),
    Case("rmsnorm", "B2_T3_D5_tiny", "op", lambda r: (rows_near_eps(r, 2, 3, 5), signed(r, 5))),
    Case(
        "rmsnorm",
        "B2_T3_D5_eps",
        "op",
        lambda r: (uneven_rows(r, 2, 3, 5), signed(r, 5)),
        {"eps": 0.5},
    ),
    Case("softmax", "B2_T3_V5", "op", lambda r: (normal(r, 2, 3, 5),)),
    Case("softmax", "B2_T3_V5_hidden", "op", lambda r: (normal(r, 2, 3, 5),), {"hidden": HIDDEN}),
    Case("softmax", "B2_T3_V5_peaked", "op", lambda r: (normal(r, 2, 3, 5) * 8,)),
    Case("silu", "B2_T3_F5", "op", lambda r: (saturated(r, 2, 3, 5),)),
    Case("swiglu", "B2_T3_F5", "op", lambda r: (saturated(r, 2, 3, 5), normal(r, 2, 3, 5))),
    Case(
        "feed_forward",
        "B2_T3_D5_F7",
        "op",
        lambda r: (normal(r, 2, 3, 5), normal(r, 5, 7), normal(r, 5, 7), normal(r, 7, 5)),
    ),
    Case("rope", "B2_H3_T5_K4", "op", lambda r: (normal(r, 2, 3, 5, 4),)),
    Case("rope", "B2_H3_T5_K4_offset", "op", lambda r: (normal(r, 2, 3, 5, 4),), {"offset": 7}),
    Case(
        "dot_product_attention",
        "B2_H3_T5_K6",
        "op",
        lambda r: tuple(normal(r, 2, 3, 5, 6) for _ in range(3)),
    ),
    Case(
        "dot_product_attention",
        "T5_K3",
        "op",
        lambda r: tuple(normal(r, 5, 3) for _ in range(3)),
    ),
    Case(
        "dot_product_attention",
        "B2_H3_Tq5_Tk7_K4",
        "op",
        lambda r: (normal(r, 2, 3, 5, 4), normal(r, 2, 3, 7, 4), normal(r, 2, 3, 7, 4)),
    ),
    Case(
        "dot_product_attention",
        "B2_H3_T5_K4_peaked",
        "op",
        lambda r: (normal(r, 2, 3, 5, 4) * 5, normal(r, 2, 3, 5, 4) * 3, normal(r, 2, 3, 5, 4)),
    ),
    *(
        Case(
            "attention",
            f"B2_T5_D12_H{n_heads}_{positions}",
            "op",
            lambda r: (normal(r, 2, 5, 12), normal(r, 12, 36) / 2, normal(r, 12, 12) / 2),
            {"n_heads": n_heads, "positions": positions},
        )
        for n_heads, positions in ((3, "rope"), (2, "rope"), (3, "none"))
    ),
    Case(
        "attention",
        "B2_T5_D12_H3_past",
        "op",
        lambda r: (normal(r, 2, 5, 12), normal(r, 12, 36) / 2, normal(r, 12, 12) / 2),
        {"n_heads": 3, "past": PAST},
    ),
    Case(
        "attention",
        "B2_T5_D12_H3_past_by_twos",
        "op",
        lambda r: (normal(r, 2, 5, 12), normal(r, 12, 36) / 2, normal(r, 12, 12) / 2),
        {"n_heads": 3, "past": PAST, "queries_at_once": 2},
    ),
    Case("cross_entropy", "B2_T3_V5", "op", lambda r: (normal(r, 2, 3, 5), tokens(r, 5, 2, 3))),
    Case(
        "cross_entropy",
        "B2_T3_V5_ignored",
        "op",
        lambda r: (normal(r, 2, 3, 5), ignored_targets(r, 5, 2, 3)),
        {"ignore_index": -1},
    ),
    Case(
        "cross_entropy",
        "B2_T3_V5_one_valid",
        "op",
        lambda r: (normal(r, 2, 3, 5), np.array([[-1, -1, -1], [-1, 4, -1]])),
        {"ignore_index": -1},
    ),
    Case(
        "cross_entropy",
        "B2_T3_V5_smoothed",
        "op",
        lambda r: (normal(r, 2, 3, 5) * 4, ignored_targets(r, 5, 2, 3)),
        {"ignore_index": -1, "label_smoothing": 0.1},
    ),
    Case(
        "cross_entropy",
        "B2_T3_V5_z_loss",
        "op",
        lambda r: (normal(r, 2, 3, 5) * 2 + offsets(2, 3, 1), ignored_targets(r, 5, 2, 3)),
        {"ignore_index": -1, "label_smoothing": 0.1, "z_loss": 0.05},
    ),
    Case("rmsnorm", "D5", "op", lambda r: (normal(r, 5), signed(r, 5))),
    Case("embedding", "T5_V7_D3", "op", lambda r: (tokens(r, 7, 5), normal(r, 7, 3))),
    Case("softmax", "V5", "op", lambda r: (normal(r, 5),)),
    Case("silu", "F5", "op", lambda r: (normal(r, 5) * 3,)),
    Case("swiglu", "F5", "op", lambda r: (normal(r, 5) * 3, normal(r, 5))),
    Case(
        "feed_forward",
        "D5_F7",
        "op",
        lambda r: (normal(r, 5), normal(r, 5, 7), normal(r, 5, 7), normal(r, 7, 5)),
    ),
    Case("rope", "T5_K4", "op", lambda r: (normal(r, 5, 4),)),
    Case("rope", "B2_H3_T5_K6", "op", lambda r: (normal(r, 2, 3, 5, 6),)),  # half of K is not 2
    Case("rope", "B2_H3_T5_K4_base", "op", lambda r: (normal(r, 2, 3, 5, 4),), {"base": 100.0}),
    Case(
        "dot_product_attention",
        "B2_H3_Tq1_Tk5_K4",
        "op",
        lambda r: (normal(r, 2, 3, 1, 4), normal(r, 2, 3, 5, 4), normal(r, 2, 3, 5, 4)),
    ),
    Case(
        "attention",
        "T5_D12_H3_by_twos",
        "op",
        lambda r: (normal(r, 5, 12), normal(r, 12, 36) / 2, normal(r, 12, 12) / 2),
        {"n_heads": 3, "queries_at_once": 2},
    ),
    Case("cross_entropy", "N5_V3", "op", lambda r: (normal(r, 5, 3), tokens(r, 3, 5))),
    Case(
        "cross_entropy",
        "B2_T3_V5_smoothed_all",
        "op",
        lambda r: (normal(r, 2, 3, 5), tokens(r, 5, 2, 3)),
        {"label_smoothing": 0.2},
    ),
    Case(
        "cross_entropy",
        "B2_T3_V5_z_loss_alone",
        "op",
        lambda r: (normal(r, 2, 3, 5) + offsets(2, 3, 1), tokens(r, 5, 2, 3)),
        {"z_loss": 0.05},
    ),
]

LAYER_CASES = [
    Case(
        "Embedding",
        "B2_T5_V7_D3",
        "layer",
        lambda r: (tokens(r, 7, 2, 5),),
        {"vocab_size": 7, "d_model": 3},
    ),
    Case(
        "Head",
        "B2_T5_V7_D3",
        "layer",
        lambda r: (normal(r, 2, 5, 3),),
        {"vocab_size": 7, "d_model": 3},
    ),
    Case("RMSNorm", "B2_T3_D5", "layer", lambda r: (uneven_rows(r, 2, 3, 5),), {"d_model": 5}),
    Case(
        "RMSNorm",
        "B2_T3_D5_eps",
        "layer",
        lambda r: (uneven_rows(r, 2, 3, 5),),
        {"d_model": 5, "eps": 0.5},
    ),
    *(
        Case(
            "MultiHeadAttention",
            f"B2_T5_D12_H3_{positions}",
            "layer",
            lambda r: (normal(r, 2, 5, 12),),
            {"d_model": 12, "n_heads": 3, "positions": positions},
        )
        for positions in ("rope", "none")
    ),
    Case(
        "FeedForward",
        "B2_T3_D5_F7",
        "layer",
        lambda r: (normal(r, 2, 3, 5),),
        {"d_model": 5, "d_ff": 7},
    ),
    *(
        Case(
            "TransformerBlock",
            f"B2_T5_D12_H3_F7_{positions}",
            "layer",
            lambda r: (normal(r, 2, 5, 12),),
            {"d_model": 12, "n_heads": 3, "d_ff": 7, "positions": positions},
        )
        for positions in ("rope", "none")
    ),
    Case(
        "TransformerBlock",
        "B2_T5_D12_H3_F7_rope_recompute",
        "layer",
        lambda r: (normal(r, 2, 5, 12),),
        {"d_model": 12, "n_heads": 3, "d_ff": 7, "positions": "rope", "recompute": True},
    ),
]

MODEL_CASES = [
    Case(
        "TrainableTransformer",
        f"B2_T5_V11_D12_H3_F7_L{n_layers}_{'tied' if tied else 'untied'}_{positions}",
        "model",
        lambda r: (tokens(r, 11, 2, 5),),
        {
            "vocab_size": 11,
            "seq_len": 6,
            "d_model": 12,
            "n_layers": n_layers,
            "n_heads": 3,
            "d_ff": 7,
            "positions": positions,
            "tied": tied,
        },
    )
    for n_layers, tied, positions in (
        (2, True, "rope"),
        (2, True, "none"),
        (2, False, "rope"),
        (2, False, "none"),
        (1, True, "rope"),
    )
]

CASES = [*OP_CASES, *LAYER_CASES, *MODEL_CASES]
