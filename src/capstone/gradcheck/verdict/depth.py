"""Every entry, or a few projections: what a check can afford."""

import time
from collections.abc import Sequence

import numpy as np

from capstone.gradcheck.budget import Budget
from capstone.gradcheck.numeric.complex_step import ComplexStep
from capstone.gradcheck.numeric.evaluator import Evaluator, Numeric
from capstone.gradcheck.numeric.probes import one_hots

PER_ENTRY_WORK = 2e8  # entries times numbers a forward pass touches: about two seconds
LADDER_FORWARDS = 50  # that one direction takes, in the middle of 30 to 60
SAMPLES = (2, 64)  # entries whose cost is measured, if the budget bears it
SHARE = 0.5  # of the budget for the comparison; the rules of the protocol want some too


def choose_depth(
    numeric: Numeric, evaluator: Evaluator, chosen: Sequence[int], budget: Budget
) -> str:
    """ "per_entry" where it fits into the budget, by size if there is none; else "projection"."""
    entries = sum(np.size(evaluator.values[index]) for index in chosen)
    if budget.limit is None:
        each = _forwards_each(numeric)
        touched = sum(np.size(value) for value in evaluator.values) + evaluator.dy.size
        return "per_entry" if entries * touched * each <= PER_ENTRY_WORK else "projection"
    if not entries:
        return "per_entry"
    largest = max(chosen, key=lambda index: np.size(evaluator.values[index]))
    for count in SAMPLES:
        count = min(count, np.size(evaluator.values[largest]), evaluator.chunk(largest))
        room = SHARE * budget.left(evaluator.forwards)
        if count * _least_cost(numeric, evaluator, budget) > room:
            return "projection"
        cost = _cost(numeric, evaluator, largest, count, budget)
        if cost / max(1, count) * entries <= room:
            return "per_entry"
    return "projection"


def _least_cost(numeric: Numeric, evaluator: Evaluator, budget: Budget) -> float:
    """What one entry costs at least where it cannot share a call with others."""
    if budget.counts_forwards:
        return _forwards_each(numeric)
    started = time.perf_counter()
    evaluator.output(evaluator.values)
    return _forwards_each(numeric) * (time.perf_counter() - started)


def _forwards_each(numeric: Numeric) -> int:
    return 1 if numeric.name == ComplexStep.name else LADDER_FORWARDS


def _cost(numeric: Numeric, evaluator: Evaluator, index: int, count: int, budget: Budget) -> float:
    """Of the derivatives of so many entries, in the budget's unit."""
    before, started = evaluator.forwards, time.perf_counter()
    numeric.slopes({index: one_hots(np.arange(count), evaluator.values[index].shape)})
    return evaluator.forwards - before if budget.counts_forwards else time.perf_counter() - started
