"""How passes are timed, and the short tables after the run."""

import math
import os
import statistics
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from capstone.memory import keep_freed_memory

# Before NumPy is loaded. Small products lose time to a second BLAS thread, most of it by chance.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PASSES, CHECK, TOKEN = "forward and backward", "check", "a token of a text"
MOST_ROUNDS = 1000
Recorder = Callable[[str, int, float, float], None]


@pytest.fixture(scope="session", autouse=True)
def freed_memory_is_kept() -> None:
    """As in `capstone train`: otherwise the page faults of forward hide what backward costs."""
    keep_freed_memory()


@pytest.fixture
def time_backward(
    benchmark: Any, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[], Any], Callable[[Any], Any]], None]:
    """Time a backward pass, each round with a forward pass of its own right before it."""

    def run(subject: str, forward: Callable[[], Any], backward: Callable[[Any], Any]) -> None:
        first, second = time_in_turns(benchmark, request, forward, lambda saved: saved, backward)
        if benchmark.stats is None:  # --benchmark-disable
            return
        ratio = second / first
        benchmark.extra_info |= {"forward_seconds": first, "backward_over_forward": ratio}
        row = subject, 1e3 * first, 1e3 * second, ratio
        request.node.user_properties.append((PASSES, row))

    return run


@pytest.fixture
def time_token(
    benchmark: Any, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]], None]:
    """Time a token that is read on, each round with a whole text read anew right before it."""

    def run(
        subject: str,
        read_anew: Callable[[], Any],
        begin: Callable[[Any], Any],
        read_on: Callable[[Any], Any],
    ) -> None:
        anew, token = time_in_turns(benchmark, request, read_anew, begin, read_on)
        if benchmark.stats is None:  # --benchmark-disable
            return
        benchmark.extra_info |= {"anew_seconds": anew, "anew_over_token": anew / token}
        row = subject, 1e3 * anew, 1e3 * token, anew / token
        request.node.user_properties.append((TOKEN, row))

    return run


def time_in_turns(
    benchmark: Any,
    request: pytest.FixtureRequest,
    first: Callable[[], Any],
    between: Callable[[Any], Any],
    second: Callable[[Any], Any],
) -> tuple[float, float]:
    """Median seconds of `first` and of `second`, which gets what `between` makes of the former's.

    The two take turns, so that a busy machine slows both alike and the ratio stays.
    """
    seconds: list[float] = []  # of the first

    def prepare() -> tuple[tuple[Any], dict[str, Any]]:
        start = time.perf_counter()
        result = first()
        seconds.append(time.perf_counter() - start)
        return (between(result),), {}

    rounds = count_rounds(request, lambda: second(between(first())))
    benchmark.pedantic(second, setup=prepare, rounds=rounds, warmup_rounds=1)
    of_second = math.nan if benchmark.stats is None else benchmark.stats.stats.median
    return statistics.median(seconds), of_second


@pytest.fixture
def record_check(benchmark: Any, request: pytest.FixtureRequest) -> Recorder:
    """Keep how fast a check was, and how fast the naive loop over the same entries."""

    def record(subject: str, entries: int, check_seconds: float, naive_seconds: float) -> None:
        speed, naive = entries / check_seconds, entries / naive_seconds
        ratio = speed / naive
        benchmark.extra_info |= {"entries_per_second": speed, "check_over_naive": ratio}
        request.node.user_properties.append((CHECK, (subject, speed, naive, ratio)))

    return record


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note which benchmarks measured something; the badge of this suite looks for it.

    Now: what is noted in teardown comes too late for the test's report.
    """
    result = yield
    stats = getattr(getattr(item, "funcargs", {}).get("benchmark"), "stats", None)
    if stats is not None:
        item.user_properties.append(("timed", stats.stats.rounds))
    return result


def count_rounds(request: pytest.FixtureRequest, one_round: Callable[[], Any]) -> int:
    """As many as fit into `--benchmark-max-time`, and `min_rounds` at least."""
    marker = request.node.get_closest_marker("benchmark")
    least = int(request.config.getoption("benchmark_min_rounds"))
    if marker is not None:
        least = marker.kwargs.get("min_rounds", least)
    start = time.perf_counter()
    one_round()
    seconds = time.perf_counter() - start
    fitting = int(float(request.config.getoption("benchmark_max_time")) / seconds)
    return max(least, min(fitting, MOST_ROUNDS))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print medians: milliseconds of the passes, entries a second of the check."""
    headings = {
        PASSES: ("forward ms", "backward ms", "backward / forward"),
        CHECK: ("entries / s", "naive / s", "check / naive"),
        TOKEN: ("text anew ms", "next token ms", "anew / token"),
    }
    for kind, columns in headings.items():
        rows = list(recorded(terminalreporter, kind))
        if rows:
            write_table(terminalreporter, kind, columns, rows)


def recorded(terminalreporter: pytest.TerminalReporter, kind: str) -> Iterator[Any]:
    """What the tests that passed have kept."""
    for report in terminalreporter.stats.get("passed", []):
        yield from (row for name, row in report.user_properties if name == kind)


def write_table(
    terminalreporter: pytest.TerminalReporter, title: str, columns: tuple[str, ...], rows: Any
) -> None:
    """One line a subject; figures of three digits or so."""
    width = max(len(subject) for subject, *_ in rows)
    terminalreporter.section(f"{title}, medians")
    terminalreporter.write_line("  ".join([" " * width, *columns]))
    for subject, *figures in rows:
        cells = (
            f"{figure:>{len(column)},.{0 if figure >= 1000 else 2}f}"
            for figure, column in zip(figures, columns, strict=True)
        )
        terminalreporter.write_line("  ".join([f"{subject:<{width}}", *cells]))
