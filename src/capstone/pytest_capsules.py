"""Failed checks of a run of pytest, kept in capsules, and a capsule taken back into its test.

As the plugin does, it loads NumPy and the verifier with the first check only.
"""

import re
import shlex
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from capstone.gradcheck import Capsule, Report

CAPSULE = pytest.StashKey["Capsule | None"]()  # that --gradcheck-replay takes back into its test
SPENT = pytest.StashKey[float]()  # seconds of shrinking
SECONDS = 3.0  # of shrinking, for all failures of one test: Hypothesis may find many
MOST_LINES, WIDTH = 25, 100  # of a failure


def seed_of_replay(given: str | None) -> int | None:
    """The seed in what `--gradcheck-replay` was given, unless that is a capsule.

    Raises:
        pytest.UsageError: it is neither.
    """
    try:
        return None if given is None or given.endswith(".npz") else int(given, 16)
    except ValueError:
        rule = "--gradcheck-replay: must be what a failed check printed"
        expected = "hexadecimal digits or a capsule (.npz)"
        raise pytest.UsageError(f"{rule}: expected {expected}, got {given!r}") from None


def capsule_of_replay(given: str | None) -> "Capsule | None":
    """The capsule that `--gradcheck-replay` was given, if it is one.

    Raises:
        pytest.UsageError: a file that is no capsule, or one that comes from no test.
    """
    if given is None or not given.endswith(".npz"):
        return None
    from capstone.errors import UsageError
    from capstone.gradcheck import load_capsule

    try:
        capsule = load_capsule(given)
    except UsageError as error:
        raise pytest.UsageError(f"--gradcheck-replay: {error}") from None
    if "test" not in capsule.found:
        rule, mend = "the capsule must come from a test", f"use capstone gradcheck --replay {given}"
        raise pytest.UsageError(
            f"--gradcheck-replay: {rule}: expected a failed one, got none; {mend}"
        )
    return capsule


def check_folder(given: str | None) -> None:
    """Capsules may go there, as far as can be told before there are any.

    Raises:
        pytest.UsageError: it is a file.
    """
    if given is not None and Path(given).exists() and not Path(given).is_dir():
        rule = "--gradcheck-capsules: must be a folder"
        raise pytest.UsageError(f"{rule}: expected a directory, got {given!r}")


def replayed(
    capsule: "Capsule | None",
    place: Mapping[str, Any],
    inputs: Sequence[Any],
    options: dict[str, Any],
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The inputs and options of a call, or those of the capsule if it was made at this place."""
    if capsule is None or capsule.found != place:
        return inputs, options
    kept = {key: value for key, value in options.items() if key != "upstream"}
    return capsule.restored_inputs(), kept | capsule.check_options()


def place_of(item: pytest.Item, call: int) -> dict[str, Any]:
    """Which call of the fixture it is; calls of a test that Hypothesis repeats are all alike."""
    is_repeated = getattr(getattr(item, "function", None), "is_hypothesis_test", False)
    return {"test": item.nodeid, "call": 0 if is_repeated else call}


def words_of(
    report: "Report",
    folder: str | None,
    item: pytest.Item,
    place: Mapping[str, Any],
    check: tuple[Any, Sequence[Any], dict[str, Any]],
) -> str:
    """The report of a failed check; with a folder, a capsule in it and a line that says where.

    Args:
        report: of the check.
        folder: for capsules, made if it is missing; None for none.
        item: the test.
        place: as of `place_of`.
        check: subject, inputs and options.
    """
    if folder is None:
        return str(report)
    from capstone.errors import UsageError
    from capstone.gradcheck import save_capsule, shrink

    subject, inputs, options = check
    name = re.sub(r"[^\w.-]+", "_", item.name)[:40]
    mark = zlib.crc32(f"{item.nodeid}:{report.seed}:{place['call']}".encode())
    started = time.perf_counter()
    left = max(0.0, SECONDS - item.stash.get(SPENT, 0.0))
    try:
        path = Path(folder) / f"{name}-{mark:08x}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = shrink(subject, *inputs, **{**options, "most_seconds": left})
        kept: dict[str, Any] = {**small.options, "found": place}
        line = _line(save_capsule(path, subject, *small.inputs, **kept))
    except (UsageError, OSError) as error:  # the failure itself is what must be seen
        line = " ".join(f"none: {error}".split())
    item.stash[SPENT] = item.stash.get(SPENT, 0.0) + time.perf_counter() - started
    lines = str(report).splitlines()
    room = MOST_LINES - 2  # beside the last line, which says how to repeat the check, and this one
    return "\n".join([*lines[:-1][:room], lines[-1], f"  capsule      {line}"[:WIDTH]])


def _line(capsule: "Capsule") -> str:
    """How to replay it, or where it is if that is too long for a line."""
    command = capsule.command
    if capsule.recipe.form == "given":  # only its test has the subject
        command = f"pytest ... --gradcheck-replay {shlex.quote(str(capsule.path))}"
    room = WIDTH - len("  capsule      ")
    return command if len(command) <= room else f"{capsule.path.name} in the folder of capsules"
