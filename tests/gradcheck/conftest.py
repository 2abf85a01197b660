"""Collects every report of the run and prints the worst error at the end."""

from collections.abc import Callable, Iterator

import pytest

import tolerances
from capstone.gradcheck import Report

REPORTS = pytest.StashKey[list[Report]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTS] = []


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
