"""What a hard case is: a way in which gradient checks raise false alarms, or miss bugs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck import Op

Trial = Callable[[], tuple[Any, ...]]
"""Makes a subject and its inputs."""


@dataclass(frozen=True)
class Row:
    """One hard case.

    Args:
        number: of the case.
        words: what it is about.
        good: right subjects, each a temptation to raise a false alarm.
        bad: wrong subjects, at inputs that expose them.
        blind: wrong subjects, at inputs or settings of the usual kind, where they look right: this
            is what the designed inputs are for.
        rule: by which the wrong ones are found; the numbers (or their shapes) if empty.
        options: of every check.
    """

    number: int
    words: str
    good: tuple[Trial, ...] = ()
    bad: tuple[Trial, ...] = ()
    blind: tuple[Trial, ...] = ()
    rule: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """As in `33-repeated-indices`."""
        return f"{self.number:02d}-{self.words.replace(' ', '-')}"


def of(subject: Any, *inputs: Any) -> Trial:
    """A subject without a memory, at these inputs."""
    return lambda: (subject, *inputs)


def elementwise(f: Callable[..., Any], slope: Callable[..., Any]) -> Op:
    """`f(x)` with `dy * slope(x)`."""
    return Op(lambda x: (f(x), x), lambda dy, x: dy * slope(x), "elementwise")


def op(forward: Callable[..., Any], backward: Callable[..., Any]) -> Op:
    """`forward(*inputs) -> y` with `backward(dy, *inputs) -> grads`."""
    return Op(lambda *a: (forward(*a), a), lambda dy, a: backward(dy, *a), "op")


def draw(*shape: int, seed: int = 0) -> Array:
    """Standard normal entries."""
    return np.random.default_rng(seed).standard_normal(shape)


def softmax(x: Array) -> Array:
    """Over the last axis; analytic, also where a mask has made entries minus infinity."""
    top = x.real.max(axis=-1, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(top), top, 0))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def softmax_bwd(dy: Array, y: Array) -> Array:
    """dx = y * (dy - sum(dy * y))."""
    return np.asarray(y * (dy - (dy * y).sum(axis=-1, keepdims=True)))
