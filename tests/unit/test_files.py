"""Atomic writing: old content or new content, and nothing left behind."""

import pytest

from capstone._files import replacing


def write_half(path):
    with replacing(path) as file:
        file.write(b"half of the n")
        raise RuntimeError("interrupted")


def test_new_content_appears_after_the_block(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_an_error_inside_keeps_the_old_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="interrupted"):
        write_half(path)
    assert path.read_bytes() == b"old"


def test_a_failure_leaves_no_temporary_file(tmp_path):
    with pytest.raises(RuntimeError, match="interrupted"):
        write_half(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_success_leaves_no_temporary_file(tmp_path):
    with replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
