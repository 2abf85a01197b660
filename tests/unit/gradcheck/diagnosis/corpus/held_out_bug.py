"""One bug of the held-out corpus: a piece of a backward pass exchanged, and what is expected."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from capstone import ops
from capstone.gradcheck import Op, Report, check
from unit.gradcheck.diagnosis.corpus import held_out_composites, held_out_rows, held_out_structures

MODULES: tuple[ModuleType, ...] = (held_out_rows, held_out_structures, held_out_composites)
LABELS = np.array([2, -1, 0, 4, -1, 2, 1])
KEPT = np.random.default_rng(11).random((2, 3, 5)) < 0.7
IDS = np.array([[3, 1, 3, 5, 0], [6, 0, 1, 3, 5]])
TOKENS = np.array([[2, 0, 2], [5, 6, 2]])
SIZES = (1.0, 1e-1, 1e-3, 1e-5, 1e-10)  # of random errors; near 1e-8 they look like float32's

# name: (arguments, as shapes to be drawn or as arrays; options)
POINTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "affine": (((2, 3, 5), (5, 7), (7,)), {}),
    "layernorm": (((2, 3, 5), (5,), (5,)), {}),
    "batchnorm": (((5, 3, 7), (3,), (3,)), {}),
    "groupnorm": (((2, 6, 5), (6,), (6,)), {"groups": 3}),
    "warm_softmax": (((2, 3, 5),), {"tau": 0.7}),
    "log_softmax": (((2, 3, 5),), {}),
    "smoothed_loss": (((7, 5), LABELS), {"smoothing": 0.15}),
    "tanh_gelu": (((3, 7),), {}),
    "erf_gelu": (((3, 7),), {}),
    "elu": (((3, 7),), {"alpha": 0.6}),
    "softplus": (((3, 7),), {"beta": 1.7}),
    "sigmoid": (((3, 7),), {}),
    "tanh": (((3, 7),), {}),
    "divide": (((3, 7), (3, 7)), {}),
    "prelu": (((5, 7), (7,)), {}),
    "squared_error": (((5, 3), (5, 3)), {}),
    "huber": (((5, 7),), {"delta": 0.8}),
    "variance": (((5, 7),), {}),
    "masked_dropout": (((2, 3, 5), KEPT), {"keep": 0.7}),
    "length": (((2, 3, 5),), {}),
    "unit": (((2, 3, 5),), {}),
    "cosine": (((5, 7), (5, 7)), {}),
    "conv1d": (((2, 3, 11), (5, 3, 3), (5,)), {"stride": 2, "pad": 1}),
    "average_pool": (((2, 3, 12),), {"width": 3}),
    "max_pool": (((2, 3, 12),), {"width": 3}),
    "scaled_lookup": (((8, 3), IDS), {}),
    "gather": (((2, 7, 3), np.array([4, 1, 4, 6, 2])), {}),
    "reorder": (((5, 3), np.array([2, 4, 1, 0, 3])), {}),
    "segment_sum": (((7, 3), np.array([2, 0, 3, 2, 1, 3, 2])), {}),
    "grouped_attention": (((2, 6, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4)), {}),
    "half_rotation": (((2, 5, 6),), {"offset": 3}),
    "running_sum": (((3, 7),), {}),
    "bilinear": (((5, 3), (5, 4), (7, 3, 4)), {}),
    "pair": (((5, 3), (5, 3)), {}),
    "larger": (((5, 7), (5, 7)), {}),
    "upsample": (((2, 3, 5),), {"times": 4}),
    "gru": (((3, 5), (3, 4), (5, 12), (4, 12), (12,)), {}),
    "skip": (((5, 3), (3, 7), (7, 3)), {}),
    "mlp": (((11, 3), (3, 7), (7,), (7, 5), (5,)), {}),
    "lora": (((7, 5), (5, 6), (5, 2), (2, 6)), {"scale": 0.4}),
    "tied": (((8, 3), TOKENS), {}),
    "gated": (((7, 5), (5, 6), (5, 6), (6, 4)), {}),
    "self_attention": (((7, 5), (5, 4), (5, 4), (5, 4), (4, 3)), {}),
    "rmsnorm": (((2, 3, 5), (5,)), {}),
    "linear": (((2, 3, 5), (5, 7), (7,)), {}),
    "rope": (((2, 3, 5, 4),), {"offset": 2}),
    "swiglu": (((2, 3, 5), (2, 3, 5)), {}),
    "cross_entropy": (
        ((7, 5), LABELS),
        {"ignore_index": -1, "label_smoothing": 0.2, "z_loss": 0.3},
    ),
    "dot_product_attention": (((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4)), {}),
    "feed_forward": (((2, 3, 5), (5, 7), (5, 7), (7, 5)), {}),
    "attention": (
        ((2, 3, 6), (6, 18), (6, 6)),
        {"n_heads": 3, "positions": "rope"},
    ),
}


@dataclass(frozen=True)
class HeldOutBug:
    """A backward pass with one mistake.

    Args:
        op: what is checked.
        name: what the mistake is.
        old: piece of the source of the backward pass that goes; occurs once.
        new: what stands there instead.
        culprits: the arguments with a wrong gradient; the first is judged by its kind.
        kinds: what the diagnosis may be called; the first is the one that comes to mind.
    """

    op: str
    name: str
    old: str
    new: str
    culprits: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def id(self) -> str:
        """A name for tests and tables."""
        return f"{self.op}: {self.name}"

    def report(self) -> Report:
        """What a check says of it."""
        return _checked(self.op, edited(passes(self.op)[1], self.old, self.new))


def right_report(op: str) -> Report:
    """What a check says of an op without a bug."""
    return _checked(op, passes(op)[1])


def random_report(op: str, seed: int) -> Report:
    """What a check says of an op whose gradients carry random errors of one size."""
    size = SIZES[seed % len(SIZES)]
    rng = np.random.default_rng(1000 + seed)

    def backward(dy: Any, saved: Any) -> list[Any]:
        gradients = passes(op)[1](dy, saved)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        if len(errors) < len(gradients):  # the same ones in every pass
            errors.extend(rng.standard_normal(np.shape(g)) for g in gradients)
        pairs = zip(gradients, errors, strict=True)
        return [g + size * np.abs(g).max() * e for g, e in pairs]

    errors: list[Any] = []
    return _checked(op, backward)


def _checked(op: str, backward: Callable[..., Any]) -> Report:
    arguments, options = point(op)
    return check(Op(passes(op)[0], backward, options=options), *arguments, locate=False)


def is_named(bug: HeldOutBug, report: Report) -> bool:
    """Is the diagnosis of the first culprit of an expected kind?"""
    return any(a.name == bug.culprits[0] and a.kind in bug.kinds for a in report.arguments)


def bugs(op: str, *edits: tuple[str, str, str, str, str]) -> list[HeldOutBug]:
    """Bugs `(name, old, new, culprits, kinds)` of one op."""
    return [
        HeldOutBug(op, name, old, new, tuple(culprits.split()), tuple(kinds.split()))
        for name, old, new, culprits, kinds in edits
    ]


def passes(op: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward pass of an op."""
    home: Any = next((m for m in MODULES if hasattr(m, f"{op}_fwd")), ops)
    return getattr(home, f"{op}_fwd"), getattr(home, f"{op}_bwd")


def point(op: str) -> tuple[list[Any], dict[str, Any]]:
    """Arguments and options at which an op is checked."""
    rng = np.random.default_rng(5)
    arguments, options = POINTS[op]
    return [rng.standard_normal(a) if isinstance(a, tuple) else a for a in arguments], options


def edited(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """A function with one piece of its source exchanged."""
    source = inspect.getsource(function)
    if source.count(old) != 1:
        raise ValueError(f"{function.__name__}: {old!r} must occur exactly once")
    namespace = dict(function.__globals__)
    exec(compile(source.replace(old, new), "<held out>", "exec"), namespace)
    planted: Callable[..., Any] = namespace[function.__name__]
    return planted
