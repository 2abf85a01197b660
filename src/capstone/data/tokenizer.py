"""One token per character: the simplest tokenizer, and one that loses nothing."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import numpy as np

from capstone._checks import check_ids, fail
from capstone._files import replacing
from capstone._typing import Array
from capstone.errors import DataError, UnknownCharacterError, UsageError

FORMAT = "capstone-char-tokenizer"
FORMAT_VERSION = 1


class CharTokenizer:
    """Characters to ids and back; the id of a character is its rank by code point.

    Args:
        characters: the vocabulary, sorted by code point, each character once.
    """

    def __init__(self, characters: str) -> None:
        _check_vocabulary(characters)
        self._characters = characters
        self._code_points = _code_points(characters)  # (V,)

    @classmethod
    def from_text(cls, text: str) -> "CharTokenizer":
        """The tokenizer whose vocabulary is every character of `text`."""
        return cls("".join(sorted(set(text))))

    @property
    def characters(self) -> str:
        """The vocabulary; `characters[i]` is the character with id `i`."""
        return self._characters

    @property
    def vocab_size(self) -> int:
        """How many different ids there are."""
        return len(self._characters)

    def encode(self, text: str, *, replacement: str | None = None) -> Array:
        """The id of every character of `text`, int64 (N,).

        Args:
            text: any text.
            replacement: a character of the vocabulary that stands in for every unknown one.

        Raises:
            UnknownCharacterError: `text` holds an unknown character and no replacement was given,
                or the replacement itself is unknown.
        """
        points = _code_points(text)  # (N,)
        ids = np.searchsorted(self._code_points, points).astype(np.int64)  # (N,)
        ids[ids == self.vocab_size] = 0  # beyond the last character: unknown, found out below
        unknown = self._code_points[ids] != points  # (N,)
        if replacement is not None:
            ids[unknown] = self._replacement_id(replacement)
        elif unknown.any():
            position = int(unknown.argmax())
            got = f"{_describe(text[position])} at position {position}"
            self._reject_unknown("CharTokenizer.encode", "unknown character", got)
        return ids

    def decode(self, ids: Array) -> str:
        """The text whose characters have these ids; the inverse of `encode`.

        Raises:
            UsageError: An id is not an integer in `[0, vocab_size)`.
        """
        ids = np.asarray(ids)
        if ids.size == 0:
            return ""
        check_ids("CharTokenizer.decode", "ids", ids, self.vocab_size)
        return self._code_points[ids].tobytes().decode("utf-32-le", "surrogatepass")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary as JSON, atomically; an intact tokenizer file is replaced.

        Raises:
            DataError: `path` holds something else, such as a damaged tokenizer: it is kept; or
                it cannot be written.
        """
        path = Path(path)
        if path.exists():
            _read_characters("CharTokenizer.save", path)
        content = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "characters": list(self._characters),
        }
        try:
            with replacing(path) as file:
                file.write(json.dumps(content).encode("ascii"))
        except OSError as error:
            got = f"{error.strerror} at '{path}'"
            _reject_file("CharTokenizer.save", "the file must be writable", got)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CharTokenizer":
        """Read what `save` wrote.

        Raises:
            DataError: The file is missing, damaged, or no tokenizer of this version.
        """
        path = Path(path)
        if not path.exists():
            _reject_file("CharTokenizer.load", "the file must exist", f"nothing at '{path}'")
        return cls(_read_characters("CharTokenizer.load", path))

    def _replacement_id(self, replacement: str) -> int:
        if len(replacement) != 1 or replacement not in self._characters:
            rule = "the replacement must be one character of the vocabulary"
            self._reject_unknown("CharTokenizer.encode", rule, repr(replacement))
        return self._characters.index(replacement)

    def _reject_unknown(self, where: str, rule: str, got: str) -> NoReturn:
        expected = f"one of the {self.vocab_size} characters of the vocabulary"
        fail(where, rule, expected=expected, got=got, error=UnknownCharacterError)


def _code_points(text: str) -> Array:
    """The code points of `text`, uint32 (N,); unpaired surrogates included, as Python has them."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _describe(character: str) -> str:
    return f"{character!r} (U+{ord(character):04X})"


def _check_vocabulary(characters: str) -> None:
    where = "CharTokenizer"
    if not characters:
        rule = "the vocabulary must not be empty"
        fail(where, rule, expected="at least one character", got=0, error=DataError)
    for before, after in pairwise(characters):
        if before == after:
            rule = "a character may occur only once in the vocabulary"
            fail(where, rule, expected="no duplicates", got=_describe(after), error=UsageError)
        if before > after:
            rule = "the vocabulary must be sorted by code point"
            got = f"{_describe(before)} before {_describe(after)}"
            fail(where, rule, expected="ascending characters", got=got, error=UsageError)


def _read_characters(where: str, path: Path) -> str:
    """The vocabulary in the file, checked; DataError if the file is not an intact tokenizer."""
    try:
        content = json.loads(path.read_bytes())
        header = content["format"], content["version"]
        characters = content["characters"]
        if header == (FORMAT, FORMAT_VERSION) and all(len(one) == 1 for one in characters):
            _check_vocabulary("".join(characters))
            return "".join(characters)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # every way of not being a tokenizer file gets the one line below
    _reject_file(where, "the file is no tokenizer or is damaged", f"'{path}'")


def _reject_file(where: str, rule: str, got: str) -> NoReturn:
    expected = f"a {FORMAT} file of version {FORMAT_VERSION}"
    fail(where, rule, expected=expected, got=got, error=DataError)
