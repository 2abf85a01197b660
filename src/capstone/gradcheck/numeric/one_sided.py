"""Slopes to one side of a point: at the edge of a domain, and to both sides of a kink."""

from typing import NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Directions, Evaluator
from capstone.gradcheck.numeric.ladder import Ladder, scales, stepped

NODES = (0.5, 1.0)  # of the step, beside the point itself: the error goes with the step squared
ROUNDINGS = 8.0  # 4 + 1 + 3: the weights of the three outputs
JUMP_STEPS = 10.0 ** np.arange(-5.0, -13.0, -1.0)  # of the scale, at which a kink must show
SAFETY = 8.0  # roundings of the outputs that may line up, in units of eps
VISIBLE = 16.0  # rounding bounds that a jump of the slope must exceed to be seen
STEADY = 1e-2  # share of a jump by which it may change from step to step


class OneSided(Ladder):
    """The ladder on one side: `sign` 1 steps along the directions, -1 against them."""

    name = "one-sided ladder"
    amplification = 2 * ROUNDINGS  # a central difference has two outputs over two steps
    sign = 1.0

    def toward(self, sign: float) -> "OneSided":
        """The same on the side of `sign`."""
        self.sign = sign
        return self

    def quotients(self, directions: Directions, steps: Array) -> Array:
        """(R, P, number of outputs)."""
        return one_sided(self.evaluator, directions, steps, self.sign)


def one_sided(evaluator: Evaluator, directions: Directions, steps: Array, sign: float) -> Array:
    """(R, P, number of outputs): slopes along the directions, from one side of the point."""
    half, whole = stepped(evaluator, directions, steps, [sign * node for node in NODES])
    return np.asarray(sign * (4 * half - whole - 3 * evaluator.base.reshape(-1)) / steps[..., None])


class Kinks(NamedTuple):
    """What lies at the point itself, along P directions."""

    left: Array  # (P,) slope of <dy, y> against the direction
    right: Array  # (P,) and along it
    radius: Array  # (P,) how far subgradients reach from the mean of the two; 0: no kink
    within: Array  # (P,) the kink is nearer than this, in units of the direction
    outputs: Array  # (P, number of outputs) booleans: whose slope it is that jumps


def kinks(ladder: Ladder, index: int, directions: Array) -> Kinks:
    """Find outputs whose slope jumps at the point, however small the step.

    Each such output may choose a value between its own two slopes, so that the radius is the sum of
    their half jumps; the mean slopes themselves may have any distance.
    """
    evaluator = ladder.evaluator
    value, dy = evaluator.values[index], evaluator.dy.reshape(-1)
    scale, _ = scales(value, directions)  # (P,)
    count, eps = len(directions), float(np.finfo(float).eps)
    # an output that cancels is rougher than its size tells: its curvature must not look like a kink
    rough = ladder.roughness.largest / np.where(dy == 0, 1.0, np.abs(dy))  # (number of outputs,)
    size = np.maximum(eps * np.abs(evaluator.base).reshape(-1), rough) + eps * np.finfo(float).tiny
    is_kink = np.ones((count, dy.size), bool)
    jump = slopes = None
    is_seen = is_clear = is_kink  # at a smaller step too; more than a small share of the slopes
    within = np.full(count, np.inf)
    for relative in JUMP_STEPS:
        steps = (relative * scale)[None]  # (1, P)
        left, right = (one_sided(evaluator, {index: directions}, steps, s)[0] for s in (-1.0, 1.0))
        here, noise = (
            right - left,
            SAFETY * 2 * ROUNDINGS * size / steps[0][:, None],
        )  # (P, number of outputs)
        if jump is None or slopes is None:
            jump, slopes = here, (left, right)
            is_kink &= np.abs(here) > VISIBLE * noise
            if not is_kink.any():
                break
            # rounding may hide it at smaller steps: equal slopes must not pass for a kink then
            is_clear = np.abs(here) > STEADY * np.maximum(np.abs(left), np.abs(right))
            is_seen = np.zeros_like(is_kink)
            within = np.where(is_kink.any(axis=1), steps[0], np.inf)
            continue
        can_show = np.abs(jump) > VISIBLE * noise
        is_steady = np.abs(here - jump) <= STEADY * np.abs(jump) + 2 * noise
        is_kink &= ~can_show | is_steady
        is_seen |= can_show & is_steady
        within = np.where((can_show & is_kink).any(axis=1), steps[0], within)
    assert jump is not None
    assert slopes is not None
    is_kink &= is_seen | is_clear
    within = np.where(is_kink.any(axis=1), within, np.inf)
    radius = np.abs(np.where(is_kink, jump * dy, 0.0)).sum(axis=1) / 2
    left, right = (np.asarray(slope @ dy) for slope in slopes)
    return Kinks(left, right, radius, within, is_kink)
