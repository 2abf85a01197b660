"""At a kink: which values are subgradients, and whether they are possible together."""

from dataclasses import replace

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.ladder import Ladder
from capstone.gradcheck.numeric.one_sided import Kinks, kinks
from capstone.gradcheck.verdict.compare import Comparison

SLACK = 1e-6  # share of the radius of subgradients: how well it is known
TOGETHER = "each a subgradient at its kink, together they are none: does a tie pay twice?"


def within_reach(comparison: Comparison, reach: Array) -> Comparison:
    """The truth is whatever lies within reach of the mean slope and nearest to the gradient."""
    mean = comparison.numeric.value
    nearest = np.clip(comparison.analytic, mean - reach, mean + reach)
    value = np.where(reach > 0, nearest, mean)
    numeric = comparison.numeric._replace(value=value)
    return replace(comparison, numeric=numeric, extra=comparison.extra + SLACK * reach)


def agree_together(
    comparison: Comparison, index: int, numeric: Ladder, reach: Array, rng: np.random.Generator
) -> bool:
    """Are the values at several kinks possible at once?

    Each of two tied entries of a maximum may get all of the gradient, but not both of them.
    """
    at = (reach > 0) & ~comparison.is_wrong
    if at.sum() < 2:
        return True
    size = len(reach)
    for signs in (np.ones(size), rng.choice([-1.0, 1.0], size)):
        v = at * signs * rng.uniform(0.5, 1.5, size)
        direction = v.reshape(1, *comparison.argument.value.shape)
        here = kinks(numeric, index, direction)
        center, analytic = (here.left[0] + here.right[0]) / 2, float(comparison.analytic @ v)
        doubt = SLACK * np.abs(comparison.analytic * v).sum() + comparison.allowed @ np.abs(v)
        if not abs(analytic - center) <= here.radius[0] + doubt + SLACK * abs(center):
            return False
    return True


def kink_in_words(comparison: Comparison, part: Array, found: Kinks) -> str:
    """One of the kinks, and whether the gradient there is a subgradient."""
    name, shape = comparison.argument.name, comparison.argument.value.shape
    at_kink = np.flatnonzero(found.radius > 0)
    wrong = [n for n in at_kink if comparison.is_wrong[part[n]]]
    n = wrong[0] if wrong else at_kink[0]
    entry = [int(i) for i in np.unravel_index(part[n], shape)] if comparison.probes is None else ""
    verdict = "no subgradient" if wrong else "a subgradient"
    return (
        f"d({name}){entry or ''} is {verdict}: a kink lies within {found.within[n]:.0e}, slopes "
        f"{found.left[n]:.4g} and {found.right[n]:.4g} beside it"
    )
