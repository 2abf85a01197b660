"""Some entries of a gradient, measured one by one after a projection has failed."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Numeric, Slopes
from capstone.gradcheck.numeric.probes import one_hots
from capstone.gradcheck.outcome import ArgumentReport
from capstone.gradcheck.subjects.subject import Argument
from capstone.gradcheck.verdict.compare import Comparison


@dataclass(frozen=True)
class Sample:
    """Entries, numbered in C order, and their comparison."""

    entries: Array  # (n,)
    comparison: Comparison  # of n entries

    def worst_into(self, verdict: ArgumentReport, wrong: int) -> ArgumentReport:
        """The verdict with the worst of these entries, and how many are wrong."""
        worst = int(np.argmax(self.comparison.error))
        at = np.unravel_index(int(self.entries[worst]), verdict.shape)
        return replace(
            verdict,
            wrong=wrong,
            worst=tuple(int(i) for i in at),
            analytic=float(self.comparison.analytic[worst]),
            numeric=float(self.comparison.numeric.value[worst]),
            error=float(self.comparison.error[worst]),
        )


def measured(
    argument: Argument,
    index: int,
    gradient: Array,
    numeric: Numeric,
    entries: Array,
    chunk: int,
) -> Sample:
    """Compare some entries of a gradient, `chunk` at a time."""
    parts = [
        numeric.slopes({index: one_hots(entries[start : start + chunk], argument.value.shape)})
        for start in range(0, len(entries), chunk)
    ]
    slopes = Slopes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    analytic = gradient.reshape(-1)[entries].astype(float)
    extra = np.zeros(len(entries))
    return Sample(entries, Comparison(argument, analytic, slopes, np.abs(slopes.value), extra))


def grid_of(shape: tuple[int, ...], most: int) -> tuple[Array, ...]:
    """Indices along every axis, ends included, of at most `most` entries together.

    Every axis gets about as many: what is constant along one of them, or scales its slices, shows
    in such a grid as in the whole.
    """
    counts = [1] * len(shape)
    while True:
        able = [axis for axis, size in enumerate(shape) if counts[axis] < size]
        able = [axis for axis in able if prod(counts) // counts[axis] * (counts[axis] + 1) <= most]
        if not able:
            break
        counts[min(able, key=lambda axis: counts[axis])] += 1
    return tuple(
        np.linspace(0, size - 1, count).round().astype(int)
        for size, count in zip(shape, counts, strict=True)
    )
