"""What a check says, as text, as plain data and as a page."""

from dataclasses import dataclass, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from capstone.errors import GradientMismatch
from capstone.gradcheck.outcome import Outcome
from capstone.gradcheck.page import make_page
from capstone.gradcheck.words import in_words


@dataclass
class Report(Outcome):
    """Everything that one call of `check` found out."""

    def raise_if_wrong(self) -> None:
        """Raise `GradientMismatch` with the diagnosis, unless the check is right."""
        __tracebackhide__ = True
        if not self.ok:
            raise GradientMismatch(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Everything as what JSON knows; numbers that are not finite become None."""
        plain: dict[str, Any] = _plain({**vars(self), "ok": self.ok, "text": str(self)})
        return plain

    def to_html(self, path: str | Path) -> None:
        """Write a page that needs no other file: the words, heat-maps of the errors, curves.

        Raises:
            OSError: the file cannot be written.
        """
        Path(path).write_text(make_page([self.to_dict()]), encoding="utf-8")

    def __str__(self) -> str:
        return in_words(self)


def _plain(thing: Any) -> Any:
    if isinstance(thing, float):
        return thing if isfinite(thing) else None
    if isinstance(thing, list | tuple):
        return [_plain(item) for item in thing]
    fields = vars(thing) if is_dataclass(thing) else thing
    if isinstance(fields, dict):
        return {key: _plain(value) for key, value in fields.items()}
    return thing
