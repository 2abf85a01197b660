"""Atomic writing: old content or new content, and nothing left behind."""

import pytest

from capstone._files import replacing


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
    with pytest.raises(RuntimeError, match="interrupted"), replacing(path) as file:
        file.write(b"half of the n")
        raise RuntimeError("interrupted")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("fails", [False, True])
def test_no_temporary_file_is_left(tmp_path, fails):
    try:
        with replacing(tmp_path / "file"):
            if fails:
                raise RuntimeError
    except RuntimeError:
        pass
    assert [path.name for path in tmp_path.iterdir()] == ([] if fails else ["file"])
