"""The file of a capsule: whole, ours and of this version, or refused in one line."""

import json

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck.capsules.capsule_file import read_archive, write_archive


@pytest.fixture
def path(tmp_path):
    return tmp_path / "capsule.npz"


def header(**content):
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def test_arrays_and_metadata_come_back(path):
    write_archive(path, {"x": np.arange(3)}, {"note": "für dich"})
    arrays, metadata = read_archive(path)
    assert metadata["note"] == "für dich"
    assert list(arrays) == ["x"]
    assert np.array_equal(arrays["x"], np.arange(3))


def test_no_temporary_file_is_left(path):
    write_archive(path, {}, {})
    assert [file.name for file in path.parent.iterdir()] == ["capsule.npz"]


def test_a_capsule_is_replaced(path):
    write_archive(path, {}, {"note": 1})
    write_archive(path, {}, {"note": 2})
    assert read_archive(path)[1]["note"] == 2


def test_a_capsule_of_another_version_is_replaced(path):
    np.savez(path, capsule=header(format="capstone-capsule", version=99))
    write_archive(path, {}, {"note": 2})
    assert read_archive(path)[1]["note"] == 2


@pytest.mark.parametrize("content", [b"", b"my thesis", b"PK\x03\x04"])
def test_anything_else_is_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(UsageError, match="save_capsule: only a capsule is overwritten: expected a"):
        write_archive(path, {}, {})
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["none/capsule.npz", "file/capsule.npz"])
def test_a_folder_that_is_not_there_is_misuse(path, name):
    (path.parent / "file").write_text("")
    with pytest.raises(UsageError, match="save_capsule: the file must be writable: expected a f"):
        write_archive(path.parent / name, {}, {})


def test_a_failed_write_leaves_the_old_capsule(path, monkeypatch):
    write_archive(path, {}, {"note": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_archive(path, {}, {"note": 2})
    assert read_archive(path)[1]["note"] == 1
    assert len(list(path.parent.iterdir())) == 1


def test_a_missing_file_is_misuse(path):
    with pytest.raises(
        UsageError, match="load_capsule: the capsule must be readable: expected a f"
    ):
        read_archive(path)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "the file is empty"),
        (b"my thesis", "the file is no capsule"),
        (b"PK\x03\x04 and so on", "the file is no capsule"),
    ],
)
def test_another_file_is_misuse(path, content, rule):
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"load_capsule: {rule}"):
        read_archive(path)


@pytest.mark.parametrize(
    ("arrays", "rule"),
    [
        ({"x": np.ones(3)}, "the file is no capsule: expected the format capstone-capsule, got an"),
        ({"capsule": np.ones(3)}, "the file is no capsule"),
        ({"capsule": header(format="another")}, "the file is no capsule"),
        (
            {"capsule": header(format="capstone-capsule", version=2)},
            "the capsule is of another version: expected version 1, got version 2",
        ),
    ],
)
def test_another_archive_is_misuse(path, arrays, rule):
    np.savez(path, **arrays)
    with pytest.raises(UsageError, match=f"load_capsule: {rule}"):
        read_archive(path)


def test_objects_are_not_unpickled(path):
    np.savez(path, capsule=np.array([object()]), allow_pickle=True)
    with pytest.raises(UsageError, match=r"load_capsule: the capsule is damaged: .*allow_pickle"):
        read_archive(path)


def test_a_cut_file_is_misuse(path):
    write_archive(path, {"x": np.arange(9)}, {"note": 1})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(UsageError, match="load_capsule: "):
            read_archive(path)


def test_a_changed_byte_is_noticed_or_changes_nothing(path):
    write_archive(path, {"x": np.arange(9)}, {"note": 1})
    content = path.read_bytes()
    whole = read_archive(path)[1]
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            arrays, metadata = read_archive(path)
        except UsageError:
            continue
        assert metadata == whole
        assert all(np.array_equal(array, np.arange(9)) for array in arrays.values())
