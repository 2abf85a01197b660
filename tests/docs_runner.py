"""Runs the examples of a page of documentation, and gathers what the page says they print."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROUNDING = re.compile(r"\d(\.\d+)?e[+-]\d+")  # differs from one linear algebra library to the next


def read(page: Path) -> str:
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [body for marked, body in BLOCK.findall(read(page)) if marked == language]


def printed_by(code: str, namespace: dict[str, Any]) -> str:
    """What a block prints when it runs after those before it."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, namespace)
    return out.getvalue().rstrip()


def shown_and_printed(page: Path) -> tuple[list[str], list[str]]:
    """What a page says that its examples print, and what they do print, sizes of rounding aside.

    Blocks run in the order of the page, each after those before it.
    """
    namespace: dict[str, Any] = {"__name__": "example"}
    shown, printed = [], []
    for language, body in BLOCK.findall(read(page)):
        if language == "python":
            output = printed_by(body, namespace)
            printed += [output] if output else []
        else:
            shown.append(body.rstrip())
    return [ROUNDING.sub("#", text) for text in shown], [ROUNDING.sub("#", p) for p in printed]
