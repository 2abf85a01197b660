"""The files that commands write: `--json`, `--html` and `--capsule`."""

import argparse
import json
from collections.abc import Sequence

from capstone._checks import fail
from capstone._files import replacing
from capstone.gradcheck import Report
from capstone.gradcheck.page import make_page

SCHEMA = "capstone-check/1"
NAMES = ("json", "html", "capsule")


def check_paths(options: argparse.Namespace) -> None:
    """Before anything takes time: every file that is to be written has a folder.

    Raises:
        UsageError: it has none.
    """
    for name in NAMES:
        path = getattr(options, name, None)  # no command has all of them
        if path is not None and (not path.parent.is_dir() or path.is_dir()):
            expected, got = "a file in a folder that exists", f"'{path}'"
            fail(f"--{name}", "must be writable", expected=expected, got=got)


def write_reports(options: argparse.Namespace, reports: Sequence[Report]) -> None:
    """Write the files that were asked for.

    Raises:
        UsageError: one cannot be written.
    """
    checks = [report.to_dict() for report in reports]
    texts = {"json": json.dumps({"schema": SCHEMA, "checks": checks}, indent=1) + "\n"}
    texts["html"] = make_page(checks)
    for name, text in texts.items():
        path = getattr(options, name)
        if path is None:
            continue
        try:
            with replacing(path) as file:
                file.write(text.encode())
        except OSError as error:
            fail(f"--{name}", "must be writable", expected="a path in a folder", got=str(error))
