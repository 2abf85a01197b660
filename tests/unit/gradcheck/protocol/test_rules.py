"""Whatever a pass raises while the rules run is a finding of that rule."""

import numpy as np

from unit.gradcheck.samples import check_sin, rules, sin_bwd


def test_backward_that_fails_later_is_a_finding() -> None:
    calls = []

    def backward(dy, x):
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("again")
        return sin_bwd(dy, x)

    report = check_sin(backward=backward)
    assert "zero" in rules(report)
    assert "a pass failed: RuntimeError: again" in str(report)


def test_backward_that_changes_its_count_is_a_finding() -> None:
    calls = []

    def backward(dy, x):
        calls.append(1)
        return sin_bwd(dy, x) if len(calls) == 1 else (dy, np.zeros(1))

    assert "contract" in rules(check_sin(backward=backward))
