"""Whether a wrong gradient is right with other values: of arguments, or of dy.

It is judged by its derivatives along a few random directions, one forward pass each, so that many
stand-ins can be tried.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence

MOST = 32  # candidates: a subject may have hundreds of arguments, and be slow
LEAST = 4  # entries that must be right
DIRECTIONS = 4  # beside one another they miss an error in no entry
SPREAD = 4.0  # standard deviations of what an explanation may leave, summed along a direction


class StandIn(NamedTuple):
    """What stands in for what.

    Args:
        words: the same in words.
        values: by the name of an argument, or `dy`.
        beside: a factor of every entry of the gradient on the grid.
    """

    words: str
    values: Mapping[str, Array]
    beside: Array | float = 1.0


def right_with(e: Evidence, candidates: Iterable[StandIn]) -> str:
    """The words of the first candidate with which the gradient is right."""
    if not e.is_clear or e.numeric.size < LEAST:
        return ""
    drawn = [np.random.default_rng(n).standard_normal(e.numeric.shape) for n in range(DIRECTIONS)]
    said = [float((direction * e.analytic).sum()) for direction in drawn]
    allowed = SPREAD * e.slack * e.numeric.size**0.5
    for candidate in islice(candidates, MOST):
        if all(  # most end at the first
            slope is not None and abs(slope[0] - one) <= allowed
            for direction, one in zip(drawn, said, strict=True)
            for slope in (e.at(candidate.values, _placed(e, direction * candidate.beside)[None]),)
        ):
            return candidate.words
    return ""


def _placed(e: Evidence, direction: Array) -> Array:
    """What is given where the true gradient is known, and 0 elsewhere."""
    placed = np.zeros(e.whole.shape)
    placed[np.ix_(*map(e.indices, range(e.whole.ndim)))] = direction
    return placed
