"""One subject at one point: what every suite, benchmark and command runs."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from capstone import layers
from capstone._typing import Array
from capstone.inputs import normal, signed
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
