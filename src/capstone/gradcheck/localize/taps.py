"""Taps: places inside a pair of passes at which the verifier may look and push.

`tap` and `tap_grad` do nothing but return what they are given, until a check that went wrong opens
a session: then the values that come by are recorded, and moved where the verifier asks for it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from capstone._typing import Array

T = TypeVar("T")


class Session:
    """One forward pass and the backward pass that follows it, as their taps see them.

    A name that is hit several times gives one key a hit, in the order of the forward pass:
    "scores", "scores #2". The backward pass meets them from the last one to the first.

    Args:
        moves: what to add to the values that `tap` hands on, by key.
        spoils: what to add to the gradients that `tap_grad` hands on, by key.
        is_reversed: False where the backward pass meets the hits of a name in their own order.
    """

    def __init__(
        self,
        moves: Mapping[str, Array] | None = None,
        spoils: Mapping[str, Array] | None = None,
        *,
        is_reversed: bool = True,
    ) -> None:
        self.moves, self.spoils, self.is_reversed = moves or {}, spoils or {}, is_reversed
        self.values: dict[str, Array] = {}
        """What came by `tap`, in the order of the forward pass."""
        self.gradients: dict[str, Array] = {}
        """What came by `tap_grad`, in the order of the backward pass."""
        self.foreign: list[str] = []
        """Names of taps that were given something else than floating-point arrays of NumPy."""
        self.forward_hits: Counter[str] = Counter()
        self.backward_hits: Counter[str] = Counter()

    def on_forward(self, name: str, value: Any) -> Any:
        """Record a value; hand on the value itself, or a moved one."""
        self.forward_hits[name] += 1
        key = numbered(name, self.forward_hits[name])
        if not _is_measurable(value):
            self.foreign.append(name)
            return value
        self.values[key] = np.array(value)
        move = self.moves.get(key)
        if move is None:
            return value
        is_real = move.dtype.kind == "f" == self.values[key].dtype.kind
        return value + (move.astype(self.values[key].dtype) if is_real else move)

    def on_backward(self, name: str, gradient: Any) -> Any:
        """Record a gradient; hand on the gradient itself, or a spoiled one."""
        self.backward_hits[name] += 1
        hit = self.backward_hits[name]
        key = numbered(name, self.forward_hits[name] + 1 - hit if self.is_reversed else hit)
        if not _is_measurable(gradient):
            return gradient
        self.gradients[key] = np.array(gradient)
        spoil = self.spoils.get(key)
        return gradient if spoil is None else gradient + spoil.astype(self.gradients[key].dtype)


_session: ContextVar[Session | None] = ContextVar("capstone_taps", default=None)


def tap(name: str, value: T) -> T:
    """Mark an intermediate value of a forward pass: `scores = tap("scores", scores)`.

    Args:
        name: what a report shall call it; its `tap_grad` has the same.
        value: any value; an array of floating-point numbers can be measured.

    Returns:
        The very value.
    """
    session = _session.get()
    return value if session is None else session.on_forward(name, value)


def tap_grad(name: str, gradient: T) -> T:
    """Mark the gradient of a tapped value in the backward pass, where it is complete.

    Args:
        name: of the tap: `dscores = tap_grad("scores", dscores)`.
        gradient: of the shape of the tapped value.

    Returns:
        The very gradient.
    """
    session = _session.get()
    return gradient if session is None else session.on_backward(name, gradient)


@contextmanager
def tapped_by(session: Session | None) -> Iterator[None]:
    """Taps report to this session, in this thread of execution only; to nobody if it is None."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


def numbered(name: str, hit: int) -> str:
    """The key of a hit: the name, from the second hit on with its number."""
    return name if hit == 1 else f"{name} #{hit}"


def _is_measurable(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray | np.generic | float | complex)
    return is_array and np.asarray(value).dtype.kind in "fc"
