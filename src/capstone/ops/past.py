"""Keys and values of earlier positions, so that a text that goes on is not read from its start."""

import numpy as np

from capstone._checks import fail
from capstone._typing import Array


class Past:
    """Keys and values that later positions look at too.

    Args:
        k: (..., H, T0, K), rotated where the model rotates.
        v: (..., H, T0, K).
    """

    def __init__(self, k: Array, v: Array) -> None:
        self.k, self.v = k, v
        self._room: _Room | None = None

    def __len__(self) -> int:
        """T0, the number of positions."""
        return int(self.k.shape[-2])

    def followed_by(self, k: Array, v: Array) -> "Past":
        """All positions up to the last of those that follow; this past stays what it is.

        They are written into spare room behind the earlier ones, if nobody has done so yet. A text
        that grows token by token is copied each time that its length has doubled, not each time.

        Args:
            k: (..., H, T, K).
            v: (..., H, T, K), of the shape and dtype of `k`.

        Returns:
            A past of T0 + T positions, (..., H, T0 + T, K), in the precision of those that follow.

        Raises:
            UsageError: what follows does not fit.
        """
        start, stop = len(self), len(self) + k.shape[-2]
        room = self._room
        if room is None or not room.has_space(start, stop, k):
            room = _Room(k, capacity=2 * stop)
            room.write(0, _like(self.k, k, start), _like(self.v, v, start))
        room.write(start, k, v)
        return room.past()


class _Room:
    """Arrays (..., H, capacity, K) that are filled from the front, each row once."""

    def __init__(self, like: Array, capacity: int) -> None:
        *lead, _, K = like.shape
        self._k = np.empty((*lead, capacity, K), like.dtype)
        self._v = np.empty((*lead, capacity, K), like.dtype)
        self._used = 0

    def has_space(self, start: int, stop: int, like: Array) -> bool:
        """Whether such rows can be written from `start` to `stop`."""
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
        past = Past(self._k[..., : self._used, :], self._v[..., : self._used, :])
        past._room = self
        return past


def _like(past: Array, present: Array, length: int) -> Array:
    """The rows of the past, for every leading index of those that follow."""
    *lead, _, K = present.shape
    try:
        return np.broadcast_to(past, (*lead, length, K))
    except ValueError:
        rule, expected = "the past must fit the keys", f"(..., H, T0, K) like {present.shape}"
        fail("attention_fwd", rule, expected=expected, got=past.shape)
