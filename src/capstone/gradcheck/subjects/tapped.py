"""A subject as seen from its taps: one argument a tap, one gradient a `tap_grad`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.localize.taps import Session, tapped_by
from capstone.gradcheck.subjects.subject import Subject, frozen


class TappedSubject:
    """The derivative with respect to what came by each tap, all else as it was.

    A tap's argument is moved by adding to whatever the forward pass computes there. So one point
    serves all taps: those behind a moved one move along.

    Args:
        inner: the subject with the taps.
        values: what the forward pass recorded at each tap.
        is_reversed: whether the backward pass meets the hits of a name from the last to the first.
    """

    warnings: tuple[str, ...] = ()

    def __init__(
        self, inner: Subject, values: Mapping[str, Array], *, is_reversed: bool = True
    ) -> None:
        self.inner, self.name, self.is_reversed = inner, inner.name, is_reversed
        self.is_reentrant = inner.is_reentrant
        # a masked score may be infinite: nothing moves there, and a step needs a scale
        self.start = {k: np.where(np.isfinite(v), v, 0).astype(v.dtype) for k, v in values.items()}
        fixed = [replace(argument, is_differentiable=False) for argument in inner.arguments]
        self.arguments = (*fixed, *(frozen(key, value) for key, value in self.start.items()))

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, saved)` at the given values of the inner arguments, taps moved to theirs."""
        n = len(self.inner.arguments)
        moves = {
            key: given - start
            for given, (key, start) in zip(values[n:], self.start.items(), strict=True)
        }
        moved = {key: move for key, move in moves.items() if move.any()}
        session = Session(moved, is_reversed=self.is_reversed)
        with tapped_by(session):
            y, saved = self.inner.forward(values[:n])
        return y, (session, saved)

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """What each `tap_grad` was given."""
        session, inner_saved = saved
        session.backward_hits.clear()
        with tapped_by(session):
            self.inner.backward(dy, inner_saved)
        return [session.gradients[key] for key in self.start]

    def accumulates(self) -> Sequence[bool]:
        """No gradient of a tap is added to another."""
        return [False for _ in self.start]

    def twin(self) -> "TappedSubject":
        """With a twin inside."""
        return TappedSubject(self.inner.twin(), self.start, is_reversed=self.is_reversed)

    def restored(self) -> AbstractContextManager[None]:
        """As the inner subject."""
        return self.inner.restored()
