"""Keys and values of earlier positions, so that a text that goes on is not read from its start."""

from typing import Any, NamedTuple

import numpy as np

from capstone._checks import fail
from capstone._typing import Array


class Past(NamedTuple):
    """Keys and values that later positions look at too."""

    k: Array  # (..., H, T0, K), rotated where the model rotates
    v: Array  # (..., H, T0, K)
    room: "Room | None" = None  # where both grow in place

    @property
    def length(self) -> int:
        """T0, the number of positions."""
        return int(self.k.shape[-2])

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold what has been written, and no room."""
        return Past, (self.k, self.v)

    def followed_by(self, k: Array, v: Array) -> "Past":
        """All positions up to the last of those that follow; this past stays what it is.

        They are written into spare room behind the earlier ones, if nobody has done so yet. A text
        that grows token by token is copied each time that its length has doubled, not each time.

        Args:
            k: (..., H, T, K).
            v: (..., H, T, K), of the dtype of `k`.

        Returns:
            A past of T0 + T positions, (..., H, T0 + T, K), in the precision of those that follow.

        Raises:
            UsageError: what follows does not fit.
        """
        if v.shape != k.shape or v.dtype != k.dtype:
            rule, got = "values must be like their keys", f"{v.dtype} {v.shape}"
            fail("Past.followed_by", rule, expected=f"{k.dtype} {k.shape}", got=got)
        room, start, stop = self.room, self.length, self.length + k.shape[-2]
        if room is None or not room.has_space(start, stop, k):
            earlier = _like("keys", self.k, k, start), _like("values", self.v, v, start)
            room = Room(k, capacity=2 * stop)
            room.write(0, *earlier)
        room.write(start, k, v)
        return room.past()


class Room:
    """Arrays (..., H, capacity, K) that are filled from the front, each row once."""

    def __init__(self, like: Array, capacity: int) -> None:
        *lead, _, K = like.shape
        self._k = np.empty((*lead, capacity, K), like.dtype)
        self._v = np.empty((*lead, capacity, K), like.dtype)
        self._used = 0

    def has_space(self, start: int, stop: int, like: Array) -> bool:
        """Whether such rows can be written from `start` to `stop`.

        Not if some have been written there: only the longest past of a room goes on in it.
        """
        *lead, capacity, K = self._k.shape
        fits = (*lead, K) == (*like.shape[:-2], like.shape[-1]) and like.dtype == self._k.dtype
        return fits and start == self._used and stop <= capacity

    def write(self, start: int, k: Array, v: Array) -> None:
        """Fill the rows from `start` on."""
        self._used = start + k.shape[-2]
        self._k[..., start : self._used, :] = k
        self._v[..., start : self._used, :] = v

    def past(self) -> Past:
        """What has been written so far."""
        return Past(self._k[..., : self._used, :], self._v[..., : self._used, :], self)


def _like(name: str, past: Array, present: Array, length: int) -> Array:
    """The rows of the past, for every leading index of those that follow."""
    *lead, _, K = present.shape
    where, expected = "Past.followed_by", f"(..., H, {length}, {K}) for {present.shape}"
    rule = f"the {name} of the past must fit those that follow"
    if past.shape[-2:] != (length, K):
        fail(where, rule, expected=expected, got=past.shape)
    if not np.can_cast(past.dtype, present.dtype, "same_kind"):
        fail(where, rule, expected=present.dtype, got=past.dtype)
    try:
        return np.broadcast_to(past, (*lead, length, K))
    except ValueError:
        fail(where, rule, expected=expected, got=past.shape)
