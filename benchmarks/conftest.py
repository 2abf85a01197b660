"""How passes are timed, and the short table after the run."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

RECORD = "forward and backward"

Run = Callable[[], Any]


@pytest.fixture
def time_backward(
    benchmark: Any, request: pytest.FixtureRequest
) -> Callable[[str, Run, Callable[[Any], Any]], None]:
    """Time a backward pass, each with a forward pass of its own right before it.

    The two are timed in turns, so that a busy machine slows both alike and the ratio stays.
    There are as many rounds as `--benchmark-max-time` has room for, `--benchmark-min-rounds` at
    least.
    """

    def run(subject: str, forward: Run, backward: Callable[[Any], Any]) -> None:
        forward_seconds: list[float] = []

        def prepare() -> tuple[tuple[Any], dict[str, Any]]:
            start = time.perf_counter()
            saved = forward()
            forward_seconds.append(time.perf_counter() - start)
            return (saved,), {}

        start = time.perf_counter()
        backward(forward())  # warm-up, and an estimate
        estimate = time.perf_counter() - start
        rounds = count_rounds(request.config, estimate)
        benchmark.pedantic(backward, setup=prepare, rounds=rounds, warmup_rounds=1)
        if benchmark.stats is None:  # --benchmark-disable
            return
        forward_median = statistics.median(forward_seconds)
        backward_median = benchmark.stats.stats.median
        ratio = backward_median / forward_median
        benchmark.extra_info["forward_seconds"] = forward_median
        benchmark.extra_info["backward_over_forward"] = ratio
        row = (subject, 1e3 * forward_median, 1e3 * backward_median, ratio)
        request.node.user_properties.append((RECORD, row))

    return run


def count_rounds(config: pytest.Config, seconds: float) -> int:
    """How many rounds of that length the options of pytest-benchmark ask for."""
    fitting = int(float(config.getoption("benchmark_max_time")) / seconds)
    return max(int(config.getoption("benchmark_min_rounds")), min(fitting, 1000))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the medians: milliseconds of a forward pass, of a backward pass, and their ratio."""
    rows = [
        row
        for report in terminalreporter.stats.get("passed", [])
        for name, row in report.user_properties
        if name == RECORD
    ]
    if not rows:
        return
    width = max(len(subject) for subject, *_ in rows)
    terminalreporter.section("forward and backward, medians")
    terminalreporter.write_line(f"{'subject':<{width}}  forward ms  backward ms  ratio")
    for subject, forward, backward, ratio in rows:
        line = f"{subject:<{width}}  {forward:>10.3f}  {backward:>11.3f}  {ratio:>5.2f}"
        terminalreporter.write_line(line)
