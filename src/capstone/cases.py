"""Every op, layer and small model with inputs designed to expose a wrong gradient.

One table serves `capstone gradcheck`, all test suites and the benchmarks. The inputs avoid what
hides mistakes: axes have pairwise different sizes (a transpose shows), batch and time exceed 1 (a
sum that became a mean shows), gains are signed and far from 1, token ids repeat, some are absent,
rows differ in scale, some activations are saturated, some positions masked or ignored.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from capstone import layers
from capstone._typing import Array
from capstone.model import ModelConfig, TrainableTransformer

Draw = Callable[[np.random.Generator], tuple[Array, ...]]


@dataclass(frozen=True)
class Case:
    """One subject at one point.

    Args:
        subject: name of an op, a layer class or the model class.
        variant: sizes and peculiarities, such as `B2_T3_D5`.
        kind: "op", "layer" or "model".
        draw: makes the inputs from a generator.
        options: keyword arguments of the op, or of the class.
    """

    subject: str
    variant: str
    kind: str
    draw: Draw
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`rmsnorm-B2_T3_D5`: how tests and commands select the case."""
        return f"{self.subject}-{self.variant}"

    @property
    def seed(self) -> int:
        """Derived from the id, so that neither order nor selection changes a case."""
        return zlib.crc32(self.id.encode())

    def inputs(self, dtype: npt.DTypeLike = np.float64) -> tuple[Array, ...]:
        """The input arrays, those of floating-point numbers in `dtype`."""
        drawn = self.draw(np.random.default_rng(self.seed))
        return tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in drawn)

    def passes(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """`(forward, backward)` of an op, as they stand in its module now."""
        module = import_module(f"capstone.ops.{self.subject}")
        return getattr(module, f"{self.subject}_fwd"), getattr(module, f"{self.subject}_bwd")

    def layer(self, dtype: npt.DTypeLike = np.float64) -> layers.Layer:
        """A fresh layer or model; no parameter keeps its start value, gains are signed."""
        rng = np.random.default_rng(self.seed + 1)
        if self.kind == "model":
            layer: layers.Layer = TrainableTransformer(ModelConfig(**self.options), dtype=dtype)
        elif self.subject == "Head":
            layer = layers.Head(layers.Embedding(**self.options, dtype=dtype).weight)
        else:
            layer = getattr(layers, self.subject)(**self.options, dtype=dtype)
        for parameter in layer.parameters():
            shape = parameter.data.shape
            awake = (
                signed(rng, *shape) if len(shape) == 1 else normal(rng, *shape) * shape[0] ** -0.5
            )
            parameter.data[...] = awake
        return layer


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Independent normal entries."""
    return np.asarray(rng.standard_normal(shape))


def signed(rng: np.random.Generator, *shape: int) -> Array:
    """Entries of random sign and of size 0.5 to 2: no gain of 1, none near 0."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2.0, shape))


def uneven_rows(rng: np.random.Generator, *shape: int) -> Array:
    """Rows of the scales 1e-2, 1 and 3 in turn: a fixed step or a missing eps shows."""
    scales: Array = np.resize([1e-2, 1.0, 3.0], int(np.prod(shape[:-1])))
    return normal(rng, *shape) * scales.reshape(*shape[:-1], 1)


def rows_near_eps(rng: np.random.Generator, *shape: int) -> Array:
    """Rows as small as the root of a usual eps, and one row of zeros."""
    x = normal(rng, *shape) * 3e-3
    x[(0,) * (len(shape) - 1)] = 0
    return x


def saturated(rng: np.random.Generator, *shape: int) -> Array:
    """Moderate entries among some at which a sigmoid is flat, zero, or turns (SiLU' = 0)."""
    x = normal(rng, *shape) * 3
    special = [0.0, -1.2784645427610738, 45.0, -45.0, 1e-8]
    x.reshape(-1)[: len(special)] = special
    return x


def tokens(rng: np.random.Generator, vocab_size: int, *shape: int) -> Array:
    """Ids with repetitions, the first and the last id, and at least one that is absent."""
    ids = rng.integers(0, vocab_size - 1, shape)
    ids[ids == vocab_size // 2] = 0
    flat = ids.reshape(-1)
    flat[0], flat[-1], flat[1] = vocab_size - 1, vocab_size - 1, 0
    return np.asarray(ids)


def ignored_targets(rng: np.random.Generator, vocab_size: int, *shape: int) -> Array:
    """Targets of which some are -1, to be ignored."""
    ids = tokens(rng, vocab_size, *shape)
    ids[0, 1] = ids[-1, 0] = -1
    return ids


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
        "B2_H3_T5_K4",
        "op",
        lambda r: tuple(normal(r, 2, 3, 5, 4) for _ in range(3)),
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
            lambda r: (normal(r, 2, 5, 12), *(normal(r, 12, 12) / 2 for _ in range(4))),
            {"n_heads": n_heads, "positions": positions},
        )
        for n_heads, positions in ((3, "rope"), (2, "rope"), (3, "none"))
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
        lambda r: (normal(r, 2, 3, 5) * 2 + 3, ignored_targets(r, 5, 2, 3)),
        {"ignore_index": -1, "label_smoothing": 0.1, "z_loss": 0.05},
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
]

MODEL_CASES = [
    Case(
        "TrainableTransformer",
        f"B2_T5_V11_D12_H3_F7_L2_{'tied' if tied else 'untied'}_{positions}",
        "model",
        lambda r: (tokens(r, 11, 2, 5),),
        {
            "vocab_size": 11,
            "seq_len": 6,
            "d_model": 12,
            "n_layers": 2,
            "n_heads": 3,
            "d_ff": 7,
            "positions": positions,
            "tied": tied,
        },
    )
    for tied in (True, False)
    for positions in ("rope", "none")
]

CASES = [*OP_CASES, *LAYER_CASES, *MODEL_CASES]
