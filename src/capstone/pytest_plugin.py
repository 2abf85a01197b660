"""The pytest plugin `gradcheck`: a fixture, a marker, options, a summary and reports.

The fixture is called like `capstone.gradcheck.check` and fails the test if the gradient is wrong.
Loading this module loads nothing but pytest: NumPy and the verifier come with the first check.
"""

import json
import time
from collections.abc import Generator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from capstone import pytest_capsules as capsules
from capstone.pytest_options import (
    SEED,
    add_options,
    check_options,
    marked,
    report_path,
    seeds,
    setting,
    whole_number,
)
from capstone.pytest_record import PROPERTY, Record, paths, selection

if TYPE_CHECKING:
    from capstone.gradcheck import Report

RECORD = pytest.StashKey[Record]()
CALLS = pytest.StashKey[int]()
CURRENT: ContextVar[pytest.Item | None] = ContextVar("current test", default=None)
WORST = 5  # lines of the summary


def pytest_addoption(parser: pytest.Parser) -> None:
    """Everything that can be chosen on the command line or, with underscores, in the ini file."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options and start the record."""
    config.addinivalue_line(
        "markers", "gradcheck(**options): options of `check` for the fixture of that name"
    )
    extra = config.getoption("gradcheck_extra_seed")
    if extra == "new":
        config.option.gradcheck_extra_seed = str(time.time_ns() % 10**6)
    for name in ("seed", "extra-seed"):
        whole_number(config, name)
    capsules.seed_of_replay(config.getoption("gradcheck_replay"))
    config.stash[capsules.CAPSULE] = capsules.capsule_of_replay(
        config.getoption("gradcheck_replay")
    )
    check_options(config)
    capsules.check_folder(setting(config, "capsules"))
    path = report_path(config)
    if path is not None and path.suffix not in (".json", ".html"):
        rule = "--gradcheck-report: the ending decides what is written"
        raise pytest.UsageError(f"{rule}: expected .json or .html, got {path.name!r}")
    if path is not None and not hasattr(config, "workerinput"):
        _make_room(path)
    config.stash[RECORD] = Record()


def pytest_report_header(config: pytest.Config) -> str:
    """One line: what decides the checks of this run."""
    words = [f"seed {whole_number(config, 'seed') or SEED}"]
    extra = config.getoption("gradcheck_extra_seed")
    words += [f"extra seed {extra}"] if extra is not None else []
    words += [f"{name} {value}" for name, value in check_options(config).items()]
    capsule = config.stash[capsules.CAPSULE]
    words += [f"replay of {capsule.found['test']}"] if capsule else []
    words += ["sensitivity control"] if config.getoption("gradcheck_sensitivity") else []
    return f"gradcheck: {', '.join(words)}"


class GradCheck:
    """What the fixture gives: `check` with the options of the run, which raises if it is wrong."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def __call__(self, subject: Any, *inputs: Any, **options: Any) -> "Report":
        """Verify a backward pass; arguments as of `capstone.gradcheck.check`.

        Raises:
            GradientMismatch: the gradient is wrong, or the check passes planted errors.
        """
        from capstone.errors import GradientMismatch

        __tracebackhide__ = True
        item = CURRENT.get()
        if item is None:
            raise RuntimeError("gradcheck: the fixture must be called from within a test")
        item.stash[CALLS] = item.stash.get(CALLS, 0) + 1
        place = capsules.place_of(item, item.stash[CALLS])
        options = {**check_options(self.config), **marked(item), **options}
        capsule, folder = self.config.stash[capsules.CAPSULE], setting(self.config, "capsules")
        chosen, options = capsules.replayed(capsule, place, inputs, options)
        for seed in seeds(self.config, item, options):
            seeded = {**options, "seed": seed}
            report = self._once(item, subject, chosen, seeded)
            if not report.ok:
                check = (subject, chosen, seeded)
                raise GradientMismatch(capsules.words_of(report, folder, item, place, check))
        return report

    def _once(
        self, item: pytest.Item, subject: Any, inputs: Sequence[Any], options: dict[str, Any]
    ) -> "Report":
        """One check and, if asked for, its sensitivity control; both go on record."""
        from capstone.errors import GradientMismatch, UsageError
        from capstone.gradcheck import check

        __tracebackhide__ = True
        replay = f'pytest "{item.nodeid}" --gradcheck-replay {options["seed"]:x}'
        try:
            report = check(subject, *inputs, **{"replay": replay, **options})
        except UsageError as error:
            raise error.with_traceback(None) from None  # the test's mistake, so show the test
        missed = None
        if self.config.getoption("gradcheck_sensitivity") and report.ok:
            from capstone.gradcheck.audit.returned import sensitivity

            missed = sensitivity(subject, *inputs, **options)
        entry = {**report.to_dict(), "missed": missed}
        item.user_properties.append((PROPERTY, json.dumps(entry)))
        if missed:
            words = f"{report.name}: the check is right but passes planted errors"
            raise GradientMismatch(f"{words}: {', '.join(missed)}")
        return report


@pytest.fixture(scope="session")
def gradcheck(request: pytest.FixtureRequest) -> GradCheck:
    """Call it like `capstone.gradcheck.check`: it fails the test unless the gradient is right."""
    import capstone.gradcheck  # noqa: F401 -- now, so that no test's time is spent on loading

    return GradCheck(request.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Remember which test is running: the fixture lives longer than any of them."""
    token = CURRENT.set(item)
    try:
        return (yield)
    finally:
        CURRENT.reset(token)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that asks for the fixture and never calls it has checked nothing."""
    result = yield
    if "gradcheck" in getattr(item, "fixturenames", ()) and not item.stash.get(CALLS, 0):
        pytest.fail("asks for the fixture gradcheck and never calls it", pytrace=False)
    return result


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count the tests before any selection takes place."""
    config.stash[RECORD].found = len(items)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what a selection leaves out."""
    if items:
        items[0].config.stash[RECORD].deselected += len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist has ended: take over what it counted."""
    counted = getattr(node, "workeroutput", {}).get("gradcheck")
    if counted:
        record = node.config.stash[RECORD]
        record.found, record.deselected = counted


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what it counted."""
    config = session.config
    if hasattr(config, "workeroutput"):
        record = config.stash[RECORD]
        config.workeroutput["gradcheck"] = (record.found, record.deselected)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """The worst checks, and the report to a file."""
    record = config.stash[RECORD]
    record.read(terminalreporter.stats)
    for line in record.table(WORST):
        terminalreporter.write_line(line)
    path = report_path(config)
    if path is None:
        return
    run = {
        "exit_status": int(exitstatus),
        "seed": whole_number(config, "seed") or SEED,
        "sensitivity": bool(config.getoption("gradcheck_sensitivity")),
        "selection": selection(config),
        "paths": paths(config),
        "pytest_version": pytest.__version__,
    }
    try:
        record.write(path, run)
    except OSError as error:
        _refuse_path(error)
    terminalreporter.write_line(f"gradcheck: report written to {path}")


def _make_room(path: Path) -> None:
    """Yesterday's report must not outlive a run that dies before it writes one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        _refuse_path(error)


def _refuse_path(error: OSError) -> NoReturn:
    rule = "--gradcheck-report: the file must be writable"
    raise pytest.UsageError(f"{rule}: expected a writable path, got {error}") from error
