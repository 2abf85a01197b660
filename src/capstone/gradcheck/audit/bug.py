"""One planted mistake."""

from collections.abc import Callable
from typing import NamedTuple

from capstone.gradcheck.audit.point import Point
from capstone.gradcheck.subjects.subject import Subject


class Bug(NamedTuple):
    """One mistake, and how to plant it.

    Args:
        words: where it is and what changes.
        plant: from a point to the subject there with the mistake in it.
        argument: whose gradient is wrong, if that is known.
        size: relative error of the wrong entry, if that is known; it may be too small to see.
    """

    words: str
    plant: Callable[[Point], Subject]
    argument: str = ""
    size: float = float("inf")
