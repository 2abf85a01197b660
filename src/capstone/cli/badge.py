"""Make badges from reports, or check those that are there.

A badge is green only if its report shows a complete run in which everything was right: nothing
failed, was skipped, deselected or loosened. It is red if anything speaks against that, and grey if
there is no report. The folder gets NAME.json (for a badge endpoint) and NAME.svg of each badge.
"""

import argparse
from pathlib import Path

from capstone._checks import fail
from capstone._files import replacing
from capstone.badges.draw import Badge
from capstone.badges.judge import JUDGES, make_badge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `capstone badge`."""
    for name in JUDGES:
        parser.add_argument(
            f"--{name}", type=Path, metavar="PATH", help=f"JSON report of the {name}"
        )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        default=Path("badges"),
        help="where the badges are (default: badges)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; compare with the badges in the folder instead",
    )


def run(options: argparse.Namespace) -> int:
    """Make or compare the badges; 0 if all are green (and as they should be), else 1."""
    if options.folder.exists() and not options.folder.is_dir():
        fail("--folder", "must be a folder", expected="a directory", got=str(options.folder))
    if not any(getattr(options, name) for name in JUDGES):
        flags = ", ".join(f"--{name}" for name in JUDGES)
        fail("badge", "badges are made from reports", expected=f"some of {flags}", got="none")
    badges = {name: make_badge(name, getattr(options, name), JUDGES[name]) for name in JUDGES}
    for badge in badges.values():
        print(f"{badge.label:12}{badge.message}")
        for reason in badge.reasons:
            print(f"{'':12}{reason}")
    files = {path: text for name, badge in badges.items() for path, text in _files(name, badge)}
    if options.check:
        stale = [name for name, text in files.items() if _read(options.folder / name) != text]
        for name in stale:
            print(f"{options.folder / name} is not what these reports give")
    else:
        stale = []
        _write(options.folder, files)
    return 1 if stale or not all(badge.is_green for badge in badges.values()) else 0


def _files(name: str, badge: Badge) -> list[tuple[str, str]]:
    return [(f"{name}.json", badge.to_json()), (f"{name}.svg", badge.to_svg())]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _write(folder: Path, files: dict[str, str]) -> None:
    """Overwrite every badge, so that none of yesterday's is left."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with replacing(folder / name) as file:
                file.write(text.encode())
    except OSError as error:
        fail("--folder", "must be writable", expected="room for the badges", got=str(error))
