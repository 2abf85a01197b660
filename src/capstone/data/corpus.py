"""Text in, text out: reading a corpus, and setting its end aside for validation."""

import os
from importlib import resources
from pathlib import Path
from typing import NoReturn

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import DataError, UsageError

BYTE_ORDER_MARK = "\ufeff"  # some editors begin a file with it; it is not part of the text
MIN_PART = 2  # one input and its target


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a whole UTF-8 text file, unchanged but for a leading byte-order mark.

    Raises:
        DataError: The file is missing, a folder, unreadable, empty, binary or not UTF-8.
    """
    path = Path(path)
    if not path.exists():
        _reject("the text file must exist", "a text file", f"nothing at '{path}'")
    if path.is_dir():
        _reject("the text must be a file", "a text file", f"the folder '{path}'")
    try:
        content = path.read_bytes()
    except OSError as error:
        _reject("the text file must be readable", "a text file", f"{error.strerror} at '{path}'")
    return _decode(content, path)


def embedded_text() -> str:
    """The corpus that ships with the package: *Hamlet*, 173,942 characters (see PROVENANCE.md)."""
    return resources.files("capstone.data").joinpath("hamlet.txt").read_bytes().decode("ascii")


def split(ids: Array, *, validation_fraction: float = 0.1) -> tuple[Array, Array]:
    """Cut `ids` once: the beginning trains, the end validates.

    A contiguous cut keeps whole scenes unseen; picking windows at random would leave each
    validation window with neighbours in the training part.

    Args:
        ids: token ids (N,).
        validation_fraction: share of the end, strictly between 0 and 1.

    Returns:
        Views `(train, validation)`; `train` has `int((1 - validation_fraction) * N)` ids.

    Raises:
        UsageError: The fraction is not strictly between 0 and 1.
        DataError: A part would hold fewer than two ids, that is no target at all.
    """
    if not 0.0 < validation_fraction < 1.0:
        rule = "validation_fraction must lie strictly between 0 and 1"
        expected = "0 < validation_fraction < 1"
        fail("split", rule, expected=expected, got=validation_fraction, error=UsageError)
    n_train = int((1.0 - validation_fraction) * len(ids))
    train, validation = ids[:n_train], ids[n_train:]
    if min(len(train), len(validation)) < MIN_PART:
        rule = "the text is too short to split"
        expected = f"at least {MIN_PART} tokens in each part"
        got = f"{len(train)} for training and {len(validation)} for validation"
        fail("split", rule, expected=expected, got=got, error=DataError)
    return train, validation


def _decode(content: bytes, path: Path) -> str:
    if b"\0" in content:
        got = f"a NUL byte at byte {content.index(0)} of '{path}'"
        _reject("the file must be text, not binary", "no NUL bytes", got)
    try:
        text = content.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        got = f"0x{content[error.start]:02x} at byte {error.start} of '{path}'"
        _reject("the text file must be UTF-8", "UTF-8", got)
    if not text:
        _reject("the text file must not be empty", "at least one character", f"0 in '{path}'")
    return text


def _reject(rule: str, expected: str, got: str) -> NoReturn:
    fail("read_text", rule, expected=expected, got=got, error=DataError)
