"""Collects every report of the run and prints the worst error at the end."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tolerances
from capstone.cli.gradcheck import subject_of
from capstone.gradcheck import Report
from capstone.pytest_plugin import GradCheck
from cases import Case

CheckCase = Callable[..., Report]

REPORTS = pytest.StashKey[list[Report]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTS] = []


@pytest.fixture
def check_case(gradcheck: GradCheck) -> CheckCase:
    """Check a case by the plugin's fixture, so that it is on record and under the run's options."""

    def run(case: Case, dtype: npt.DTypeLike = np.float64, **options: Any) -> Report:
        return gradcheck(
            subject_of(case, dtype), *case.inputs(dtype), **{"name": case.id, **options}
        )

    return run


@pytest.fixture
def verified(request: pytest.FixtureRequest) -> Iterator[Callable[[Report], Report]]:
    """Raise if a report is wrong; else keep its figures for the summary."""

    def keep(report: Report) -> Report:
        report.raise_if_wrong()
        request.config.stash[REPORTS].append(report)
        return report

    return keep


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reports = [r for r in config.stash[REPORTS] if r.depth == "per_entry"]
    if not reports:
        return
    worst = max(reports, key=lambda report: report.norm_error)
    entries = sum(report.compared for report in reports)
    terminalreporter.write_line(
        f"gradcheck: {entries} entries compared one by one with the complex step, worst error "
        f"{worst.norm_error:.1e} of the gradient's norm ({worst.name}); "
        f"allowed {tolerances.GRADIENT:.0e}"
    )
