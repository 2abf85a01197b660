"""What is timed: every op, every layer and every preset, at the sizes of training `tiny`.

`tests/cases.py` serves correctness with arrays of a few entries; timings of those would show
Python's overhead only. An op or a layer without an entry here is an error at import.
"""

import numpy as np

from capstone import layers, ops
from capstone.case import Case
from capstone.inputs import normal
from capstone.presets import BATCH_SIZES, PRESETS

B, T, D, H, F, V = 12, 64, 128, 4, 344, 65
K = D // H
DTYPE = np.float32


def weight(rng, *shape):
    """A matrix that keeps the scale of what it is applied to."""
    return normal(rng, *shape) * shape[0] ** -0.5


def draw_stream(rng):
    """The residual stream."""
    return (normal(rng, B, T, D),)


def draw_tokens(rng):
    """A batch of windows."""
    return (rng.integers(0, V, (B, T)),)


OP_SIZES = [
    Case(
        "attention",
        f"B{B}_T{T}_D{D}_H{H}",
        "op",
        lambda r: (normal(r, B, T, D), weight(r, D, 3 * D), weight(r, D, D)),
        {"n_heads": H},
    ),
    Case(
        "cross_entropy",
        f"B{B}_T{T}_V{V}",
        "op",
        lambda r: (normal(r, B, T, V), *draw_tokens(r)),
    ),
    Case(
        "dot_product_attention",
        f"B{B}_H{H}_T{T}_K{K}",
        "op",
        lambda r: tuple(normal(r, B, H, T, K) for _ in range(3)),
    ),
    Case(
        "embedding",
        f"B{B}_T{T}_V{V}_D{D}",
        "op",
        lambda r: (*draw_tokens(r), weight(r, V, D)),
    ),
    Case(
        "feed_forward",
        f"B{B}_T{T}_D{D}_F{F}",
        "op",
        lambda r: (normal(r, B, T, D), weight(r, D, F), weight(r, D, F), weight(r, F, D)),
    ),
    Case(
        "linear",
        f"B{B}_T{T}_D{D}_F{F}",
        "op",
        lambda r: (normal(r, B, T, D), weight(r, D, F)),
    ),
    Case("rmsnorm", f"B{B}_T{T}_D{D}", "op", lambda r: (normal(r, B, T, D), normal(r, D))),
    Case("rope", f"B{B}_H{H}_T{T}_K{K}", "op", lambda r: (normal(r, B, H, T, K),)),
    Case("silu", f"B{B}_T{T}_F{F}", "op", lambda r: (normal(r, B, T, F),)),
    Case("softmax", f"B{B}_H{H}_T{T}_T{T}", "op", lambda r: (normal(r, B, H, T, T),)),
    Case(
        "swiglu",
        f"B{B}_T{T}_F{F}",
        "op",
        lambda r: (normal(r, B, T, F), normal(r, B, T, F)),
    ),
]

LAYER_SIZES = [
    Case(
        "Embedding",
        f"B{B}_T{T}_V{V}_D{D}",
        "layer",
        draw_tokens,
        {"vocab_size": V, "d_model": D},
    ),
    Case("FeedForward", f"B{B}_T{T}_D{D}_F{F}", "layer", draw_stream, {"d_model": D, "d_ff": F}),
    Case("Head", f"B{B}_T{T}_V{V}_D{D}", "layer", draw_stream, {"vocab_size": V, "d_model": D}),
    Case(
        "MultiHeadAttention",
        f"B{B}_T{T}_D{D}_H{H}",
        "layer",
        draw_stream,
        {"d_model": D, "n_heads": H},
    ),
    Case("RMSNorm", f"B{B}_T{T}_D{D}", "layer", draw_stream, {"d_model": D}),
    Case(
        "TransformerBlock",
        f"B{B}_T{T}_D{D}_H{H}_F{F}",
        "layer",
        draw_stream,
        {"d_model": D, "n_heads": H, "d_ff": F},
    ),
]

MODEL_SIZES = [
    Case(
        "TrainableTransformer",
        name,
        "model",
        lambda r, shape=(BATCH_SIZES[name], sizes["seq_len"]): (r.integers(0, V, shape),),
        {"vocab_size": V, **sizes},
    )
    for name, sizes in PRESETS.items()
]


def _check_complete() -> None:
    """Every op and every layer has a size."""
    listed = {name.rsplit("_", 1)[0] for name in ops.__all__} | {*layers.__all__} - {"Layer"}
    timed = {case.subject for case in (*OP_SIZES, *LAYER_SIZES)}
    assert timed == listed, f"sizes for {timed ^ listed} are missing or superfluous"


_check_complete()
