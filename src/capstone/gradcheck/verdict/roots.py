"""Disputed slopes that difference quotients approach like a root of their step."""

from dataclasses import replace

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Slopes
from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.numeric.limits import limits
from capstone.gradcheck.numeric.one_sided import OneSided
from capstone.gradcheck.verdict.compare import Comparison

AT_ONCE = 16  # disputed directions that are looked at before it is decided to go on


def at_roots(
    comparison: Comparison, index: int, numeric: Ladder, rng: np.random.Generator
) -> tuple[Comparison, str]:
    """The limit of the quotients is the truth, and known as well as they converge.

    A batch of disputed directions without any such limit ends the search.

    Returns:
        The comparison, and what to say of it, if anything.
    """
    disputed = np.flatnonzero(comparison.is_wrong)
    columns, doubts = [np.array(column) for column in comparison.numeric], []
    for start in range(0, len(disputed), AT_ONCE):
        part = disputed[start : start + AT_ONCE]
        found = _limits(numeric, index, comparison.directions_of(part), rng)
        at = np.isfinite(found.value)
        if not at.any():
            break
        for column, limit in zip(columns, found, strict=True):
            column[part[at]] = limit[at]
        doubts.append(float(found.noise[at].max()))
    if not doubts:
        return comparison, ""
    words = "differences approach some slopes like a root of the step, which leaves a doubt of"
    words = f"d({comparison.argument.name}): {words} {max(doubts):.0e}"
    return replace(comparison, numeric=Slopes(*columns)), words


def _limits(numeric: Ladder, index: int, directions: Array, rng: np.random.Generator) -> Slopes:
    """Of central differences, or else, at an edge of the domain, of those to one side."""
    found, one_sided = limits(numeric, index, directions), OneSided(numeric.evaluator, rng)
    for sign in (1.0, -1.0):
        side = limits(one_sided.toward(sign), index, directions)
        is_known = np.isfinite(found.value)
        pairs = zip(found, side, strict=True)
        found = Slopes(*(np.where(is_known, old, new) for old, new in pairs))
    return found
