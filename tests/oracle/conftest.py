"""The one comparison of this suite, and the line that says how near it came to its limit."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

import tolerances
from capstone._typing import Array

torch.set_num_threads(1)  # arrays are tiny here: a second thread costs more than it computes

RECORD = "norm-relative error"
ALLOWED = "allowed"  # the badge of this suite looks for it


@pytest.fixture
def assert_agree(
    request: pytest.FixtureRequest,
) -> Callable[[Mapping[str, tuple[Array, Array]]], None]:
    """Compare named pairs `(ours, PyTorch's)` in the 2-norm, relative to PyTorch's.

    Every error is kept with the test's report, so that the summary finds it in whatever order,
    selection or process the tests ran.
    """

    def compare(pairs: Mapping[str, tuple[Array, Array]]) -> None:
        assert pairs
        for what, (ours, theirs) in pairs.items():
            assert ours.shape == theirs.shape, what
            error = norm_error(ours, theirs)
            request.node.user_properties.append((RECORD, (error, what)))
            request.node.user_properties.append((ALLOWED, tolerances.ORACLE))
            assert error <= tolerances.ORACLE, what

    return compare


def norm_error(ours: Array, theirs: Array) -> float:
    """`|ours - theirs| / |theirs|`; infinite where only theirs is zero."""
    difference, norm = np.linalg.norm(ours - theirs), np.linalg.norm(theirs)
    if norm == 0:
        return float("inf") if difference else 0.0
    return float(difference / norm)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the worst error over everything that was compared."""
    errors = [
        (*record, report.nodeid.partition("[")[2].removesuffix("]"))
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, record in report.user_properties
        if name == RECORD
    ]
    if errors:
        worst, what, case = max(errors)
        terminalreporter.write_line(
            f"oracle: worst norm-relative error {worst:.1e} over {len(errors)} comparisons "
            f"({case}, {what}); allowed {tolerances.ORACLE:.0e}"
        )
