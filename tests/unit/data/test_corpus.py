"""Reading texts and splitting them: what is refused, and that nothing leaks or is lost."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstone.data import corpus, embedded_text, read_text, split
from capstone.errors import DataError, UsageError


def test_a_text_is_read_unchanged(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\u00e9t\u00e9\r\n\tend \n".encode())
    assert read_text(path) == "\u00e9t\u00e9\r\n\tend \n"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbftext")
    assert read_text(str(path)) == "text"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the text file must not be empty: expected at least one character, got 0 in"),
        (b"\xef\xbb\xbf", "the text file must not be empty: .* got 0 in"),
        (b"ab\0c", "must be text, not binary: expected no NUL bytes, got a NUL byte at byte 2 of"),
        (b"caf\xe9!", "the text file must be UTF-8: expected UTF-8, got 0xe9 at byte 3 of"),
        (b"\xef\xbb\xbfab\xff", "the text file must be UTF-8: .* got 0xff at byte 5 of"),
    ],
    ids=["empty", "only-a-mark", "binary", "latin-1", "byte-behind-a-mark"],
)
def test_bad_content_is_rejected(tmp_path, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^read_text: .*{message} '.*text.txt'$"):
        read_text(path)


def test_a_missing_file_is_rejected(tmp_path):
    message = (
        r"^read_text: the text file must exist: expected a text file, got nothing at '.*gone'$"
    )
    with pytest.raises(DataError, match=message):
        read_text(tmp_path / "gone")


def test_a_folder_is_rejected(tmp_path):
    message = r"^read_text: the text must be a file: expected a text file, got the folder '.*'$"
    with pytest.raises(DataError, match=message):
        read_text(tmp_path)


def test_an_unreadable_file_is_rejected(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "text.txt").write_text("text")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    message = r"^read_text: the text file must be readable: .* got Permission denied at '.*'$"
    with pytest.raises(DataError, match=message):
        read_text(tmp_path / "text.txt")


def test_the_embedded_text_is_hamlet():
    text = embedded_text()
    assert (len(text), text[:25]) == (173_942, "HAMLET, PRINCE OF DENMARK")


def test_the_embedded_text_has_its_provenance_beside_it():
    words = (Path(corpus.__file__).parent / "PROVENANCE.md").read_text(encoding="utf-8")
    assert "Project Gutenberg" in words


def test_the_default_split_is_the_customary_one():
    train, validation = split(np.zeros(1_115_394, dtype=np.int8))  # the size of tinyshakespeare
    assert (len(train), len(validation)) == (1_003_854, 111_540)


@given(st.integers(40, 1000), st.floats(0.1, 0.9))
def test_the_parts_make_up_the_whole(n, fraction):
    ids = np.arange(n)
    train, validation = split(ids, validation_fraction=fraction)
    assert np.array_equal(np.concatenate([train, validation]), ids)


def test_the_parts_are_views():
    ids = np.arange(100)
    assert all(part.base is ids for part in split(ids))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_outside_its_range_is_rejected(fraction):
    message = rf"validation_fraction must lie strictly between 0 and 1: .* got {fraction}$"
    with pytest.raises(UsageError, match=message):
        split(np.arange(100), validation_fraction=fraction)


@pytest.mark.parametrize(("n", "got"), [(10, "9 for training and 1 for"), (0, "0 for training")])
def test_a_part_without_a_target_is_rejected(n, got):
    message = rf"^split: the text is too short to split: expected at least 2 tokens .* got {got}"
    with pytest.raises(DataError, match=message):
        split(np.arange(n))
