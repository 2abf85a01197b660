"""One bug of the second held-out set: where it is planted, and at which point it is checked."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from capstone import layers, ops
from capstone.gradcheck import Op, Report, check
from capstone.model import ModelConfig, TrainableTransformer
from unit.gradcheck.diagnosis.corpus import (
    second_held_out_functions,
    second_held_out_more_functions,
)
from unit.gradcheck.diagnosis.corpus.held_out_bug import HeldOutBug, edited

MODULES: tuple[ModuleType, ...] = (
    second_held_out_functions,
    second_held_out_more_functions,
    ops,
)
TARGETS = np.array([1, -1, 4, 0, -1, 2, 1, 3])
TOKENS = np.array([[5, 0, 2, 5], [7, 2, 3, 2], [0, 5, 1, 6]])
KEPT = np.random.default_rng(3).random((4, 3, 6)) < 0.6
ROW_WITH_ZERO = np.array([[1.3, -0.7, 0.4, 2.1], [0.9, 0.0, -1.6, 0.5], [-0.8, 1.1, 0.3, -2.2]])
LOSS = {"ignore_index": -1, "label_smoothing": 0.1, "z_loss": 0.2}

# name of an op or a function, perhaps with "/variant":
# (arguments, as shapes to be drawn or as arrays; options)
POINTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "linear": (((4, 3, 6), (6, 5), (5,)), {}),
    "linear/square": (((4, 3, 5), (5, 5)), {}),
    "rmsnorm": (((4, 3, 6), (6,)), {}),
    "silu": (((5, 9),), {}),
    "softmax": (((4, 3, 5),), {}),
    "swiglu": (((3, 4, 7), (3, 4, 7)), {}),
    "rope": (((2, 3, 5, 6),), {"offset": 4}),
    "embedding": ((TOKENS, (8, 6)), {}),
    "cross_entropy": (((8, 5), TARGETS), LOSS),
    "cross_entropy/plain": (((8, 5), np.abs(TARGETS)), {}),
    "dot_product_attention": (((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4)), {}),
    "dot_product_attention/square": (((2, 3, 5, 4),) * 3, {}),
    "feed_forward": (((4, 3, 5), (5, 7), (5, 7), (7, 5)), {}),
    "attention": (((2, 5, 6), (6, 18), (6, 6)), {"n_heads": 3}),
    "batch_norm": (((7, 4), (4,), (4,)), {}),
    "group_norm": (((3, 6, 4), (6,), (6,)), {"groups": 3}),
    "log_sum_exp": (((4, 3, 5),), {}),
    "pool": (((2, 3, 8),), {"width": 4}),
    "convolve": (((2, 3, 9), (4, 3, 3), (4,)), {}),
    "gelu": (((5, 7),), {}),
    "similarity": (((6, 4), (6, 4)), {}),
    "robust": (((6, 5), (6, 5)), {"delta": 0.7}),
    "form": (((6, 4), (4, 4), (6, 4)), {}),
    "accumulate": (((4, 6),), {}),
    "sinc": (((4, 6),), {}),
    "sort": (((3, 6),), {}),
    "outer": (((4,), (6,)), {}),
    "outer/square": (((5,), (5,)), {}),
    "softcap": (((19,),), {"cap": 1.5}),
    "adapter": (((7, 5), (5, 6), (5, 2), (2, 6)), {"scale": 0.3}),
    "shared_keys": (((3, 6, 5, 4), (3, 2, 7, 4)), {}),
    "solve": (((4, 4), (4, 3)), {}),
    "shares": ((np.random.default_rng(8).uniform(0.3, 2, (4, 5)),), {}),
    "scan": (((2, 6, 3), np.array([0.9, -0.6, 0.4])), {}),
    "positions": (((3, 5, 4), (8, 4)), {}),
    "weight_norm": (((5, 4), (4,)), {}),
    "drop": (((4, 3, 6), KEPT), {"keep": 0.6}),
    "average": (((3, 6, 2), np.array([6, 3, 4])), {}),
    "blend": (((4, 6), (4, 6), (4, 6)), {}),
    "log_sigmoid": (((4, 6),), {}),
    "row_product": ((ROW_WITH_ZERO,), {}),
}

# name of a layer: (its class, what it is made with, the input)
LAYERS: dict[str, tuple[type, dict[str, Any], Any]] = {
    "RMSNorm": (layers.RMSNorm, {"d_model": 6}, (4, 3, 6)),
    "MultiHeadAttention": (layers.MultiHeadAttention, {"d_model": 6, "n_heads": 3}, (2, 4, 6)),
    "FeedForward": (layers.FeedForward, {"d_model": 6, "d_ff": 5}, (2, 4, 6)),
    "TransformerBlock": (
        layers.TransformerBlock,
        {"d_model": 6, "n_heads": 3, "d_ff": 5},
        (2, 4, 6),
    ),
    "TrainableTransformer": (
        TrainableTransformer,
        {"config": ModelConfig(vocab_size=8, seq_len=4, d_model=6, n_layers=1, n_heads=3, d_ff=5)},
        TOKENS,
    ),
}


@dataclass(frozen=True)
class SecondBug(HeldOutBug):
    """A bug in the backward pass of an op, a small function or a layer."""

    def report(self) -> Report:
        """What a check says of it."""
        if self.op in LAYERS:
            cls = LAYERS[self.op][0]
            return _checked_layer(self.op, type(cls.__name__, (cls,), {"backward": self._method()}))
        return _checked(self.op, edited(_passes(self.op)[1], self.old, self.new))

    def _method(self) -> Callable[..., Any]:
        method: Any = LAYERS[self.op][0].__dict__["backward"]
        source = textwrap.dedent(inspect.getsource(method))
        if source.count(self.old) != 1:
            raise ValueError(f"{self.id}: {self.old!r} must occur exactly once")
        namespace = dict(method.__globals__)
        exec(compile(source.replace(self.old, self.new), "<second held out>", "exec"), namespace)
        planted: Callable[..., Any] = namespace["backward"]
        return planted


def right_report(subject: str) -> Report:
    """What a check says of a subject without a bug."""
    if subject in LAYERS:
        return _checked_layer(subject, LAYERS[subject][0])
    return _checked(subject, _passes(subject)[1])


def _passes(subject: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = subject.partition("/")[0]
    home: Any = next(m for m in MODULES if hasattr(m, f"{name}_fwd"))
    return getattr(home, f"{name}_fwd"), getattr(home, f"{name}_bwd")


def _checked(subject: str, backward: Callable[..., Any]) -> Report:
    arguments, options = POINTS[subject]
    rng = np.random.default_rng(21)
    drawn = [rng.standard_normal(a) if isinstance(a, tuple) else a for a in arguments]
    return check(Op(_passes(subject)[0], backward, options=options), *drawn, locate=False)


def _checked_layer(subject: str, cls: type) -> Report:
    _, made_with, given = LAYERS[subject]
    rng = np.random.default_rng(21)
    layer = cls(**made_with, dtype=np.float64)
    for parameter in layer.parameters():
        parameter.data[...] = rng.standard_normal(parameter.data.shape)
    x = rng.standard_normal(given) if isinstance(given, tuple) else given
    return check(layer, x, locate=False)
