"""The check itself: entries verified per second, against the naive loop over single entries.

The check compares by complex step and examines the manners of the passes as well; the loop takes
one central difference after the other and nothing else. Sizes are those of the test suite, at which
a subject of few entries (rmsnorm, cross_entropy) spends its time on manners.
"""

import statistics
import time

import numpy as np
import pytest

from cases import CASES, params, run_check

STEP = 1e-6  # float64: near the cube root of its epsilon, as central differences want it
ROUNDS = 3  # of the naive loop
SUBJECTS = ("attention", "cross_entropy", "rmsnorm", "TransformerBlock", "TrainableTransformer")
FIRST_CASES = [next(case for case in CASES if case.subject == subject) for subject in SUBJECTS]


@pytest.mark.parametrize("case", params(FIRST_CASES))
def test_check(case, benchmark, record_check):
    report = benchmark(run_check, case)
    assert report.ok
    if benchmark.stats is not None:
        naive = statistics.median(time_naive_loop(case) for _ in range(ROUNDS))
        record_check(case.id, report.compared, benchmark.stats.stats.median, naive)


def time_naive_loop(case):
    """Seconds of two forward passes an entry, one entry at a time."""
    forward, arrays = open_case(case)
    dy = np.ones_like(forward())
    start = time.perf_counter()
    for array in arrays:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + STEP
            plus = forward()
            array[index] = value - STEP
            minus = forward()
            array[index] = value
            gradient[index] = (dy * (plus - minus)).sum() / (2 * STEP)
    return time.perf_counter() - start


def open_case(case):
    """`(forward, arrays)`: a forward pass without arguments, and what it reads."""
    inputs = case.inputs()
    floating = [array for array in inputs if array.dtype.kind == "f"]
    if case.kind == "op":
        op, _ = case.passes()
        return lambda: op(*inputs, **case.options)[0], floating
    layer = case.layer()
    parameters = [parameter.data for parameter in layer.parameters()]
    return lambda: layer.forward(*inputs), [*floating, *parameters]
