"""What can be chosen of the plugin `gradcheck`: options, the ini file, markers, and seeds."""

import zlib
from pathlib import Path
from typing import Any

import pytest

from capstone import pytest_capsules as capsules

SEED = 0
# Options of `check`, as options here, and what they may be (not imported, which would load NumPy)
CHECK_OPTIONS: dict[str, tuple[str, ...]] = {
    "depth": ("auto", "per_entry", "projection"),
    "method": ("auto", "complex", "ladder"),
    "budget": (),  # any number of seconds
}


def add_options(parser: pytest.Parser) -> None:
    """Everything that can be chosen on the command line or, with underscores, in the ini file."""
    group = parser.getgroup("gradcheck", "gradcheck: verification of hand-written backward passes")
    helps = {
        "seed": f"base of the seed of every check (default: {SEED})",
        "depth": "per_entry, projection or auto",
        "method": "complex, ladder or auto",
        "budget": "seconds that one check may take",
        "report": "write a report of the run to this file: .json or .html",
        "capsules": "folder for failed checks, made small, each in a file that replays it",
    }
    for name, words in helps.items():
        group.addoption(f"--gradcheck-{name}", metavar=name.upper(), default=None, help=words)
        parser.addini(f"gradcheck_{name}", words)
    group.addoption(
        "--gradcheck-extra-seed",
        metavar="N",
        default=None,
        help="run each check once more, with another seed: a number, or 'new' for one of this run",
    )
    again = "repeat a check: the ID that it printed, or its capsule (.npz)"
    group.addoption("--gradcheck-replay", metavar="ID", help=again)
    group.addoption(
        "--gradcheck-sensitivity",
        action="store_true",
        help="repeat each check with planted errors, all of which it must find",
    )


def setting(config: pytest.Config, name: str) -> str | None:
    """An option of the command line, else of the ini file."""
    given = config.getoption(f"gradcheck_{name.replace('-', '_')}")
    if given is None and name in ("seed", "depth", "method", "budget", "report", "capsules"):
        given = config.getini(f"gradcheck_{name}") or None
    return None if given is None else str(given)


def _value(config: pytest.Config, name: str) -> Any:
    given, choices = setting(config, name), CHECK_OPTIONS[name]
    if given is None or given in choices:
        return given
    if choices:
        rule, expected = f"--gradcheck-{name}: unknown {name}", f"one of {', '.join(choices)}"
        raise pytest.UsageError(f"{rule}: expected {expected}, got {given!r}")
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        rule = f"--gradcheck-{name}: must be a positive number"
        raise pytest.UsageError(f"{rule}: expected seconds, got {given!r}")
    return seconds


def whole_number(config: pytest.Config, name: str) -> int | None:
    """An option that counts.

    Raises:
        UsageError: it is no whole number.
    """
    given = setting(config, name)
    if given is not None and not given.isdecimal():
        rule = f"--gradcheck-{name}: must be a whole number"
        raise pytest.UsageError(f"{rule}: expected 0 or more, got {given!r}")
    return None if given is None else int(given)


def report_path(config: pytest.Config) -> Path | None:
    """Where the report goes, if one is asked for."""
    given = setting(config, "report")
    return None if given is None else Path(given)


def check_options(config: pytest.Config) -> dict[str, Any]:
    """Options of `check` that the command line or the ini file gives."""
    chosen = {name: _value(config, name) for name in CHECK_OPTIONS}
    return {name: value for name, value in chosen.items() if value is not None}


def marked(item: pytest.Item) -> dict[str, Any]:
    """Options that the test's markers give, the nearest one last."""
    options: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("gradcheck"))):
        if marker.args:
            rule = f"{item.nodeid}: the marker gradcheck takes options by name"
            raise pytest.UsageError(f"{rule}: expected name=value, got {marker.args[0]!r}")
        options |= marker.kwargs
    return options


def seeds(config: pytest.Config, item: pytest.Item, options: dict[str, Any]) -> list[int]:
    """The seed of this check, and the one of a second run if there is to be one.

    Made of the base seed and the test's name, so that neither order nor selection nor the
    number of processes changes it.
    """
    given = capsules.seed_of_replay(config.getoption("gradcheck_replay"))
    if given is not None:
        return [given]
    if "seed" in options:
        return [options["seed"]]
    bases = [whole_number(config, "seed") or SEED]
    extra = whole_number(config, "extra-seed")
    bases += [] if extra is None else [extra]
    return [zlib.crc32(f"{base}:{item.nodeid}".encode()) for base in bases]
