"""Checkpoints: what goes in comes out, damage is always noticed, loading is all or nothing."""

import io
import json
import os
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from capstone import checkpoint
from capstone.checkpoint import load_checkpoint, load_parameters, save_checkpoint
from capstone.errors import CheckpointError, UsageError
from capstone.parameter import Parameter, pack

ARRAYS = MappingProxyType(
    {
        "blocks.0.wq": np.arange(6, dtype=np.float32).reshape(2, 3),
        "file": np.array(7),  # names and shapes that a careless writer trips over
        "empty": np.zeros((0, 3)),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10)[::-2],
    }
)
METADATA = {"step": 3, "best": 1.5, "nested": {"text": "\u00e9", "list": [1, None, True]}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def intact(folder):
    """The bytes of a good checkpoint."""
    save_checkpoint(folder / "intact.npz", {"w": np.arange(6.0)}, {"step": 3})
    return (folder / "intact.npz").read_bytes()


def test_arrays_come_back(tmp_path):
    save_checkpoint(tmp_path / "c.npz", ARRAYS, METADATA)
    loaded, _ = load_checkpoint(tmp_path / "c.npz")
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        assert np.array_equal(loaded[name], array)


def test_metadata_comes_back(tmp_path):
    save_checkpoint(tmp_path / "c.npz", ARRAYS, METADATA)
    assert load_checkpoint(tmp_path / "c.npz")[1] == METADATA


def test_the_state_of_a_generator_comes_back(tmp_path):
    state = np.random.default_rng(0).bit_generator.state
    save_checkpoint(tmp_path / "c.npz", {}, {"rng": state})
    assert load_checkpoint(tmp_path / "c.npz")[1] == {"rng": state}


@given(
    array=arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.complex128, np.bool_]),
        array_shapes(min_dims=0, max_dims=3, min_side=0),
    )
)
def test_any_array_comes_back_bit_for_bit(folder, array):
    save_checkpoint(folder / "any.npz", {"array": array}, {})
    assert load_checkpoint(folder / "any.npz")[0]["array"].tobytes() == array.tobytes()


def test_numpy_alone_can_read_the_file(tmp_path):
    save_checkpoint(tmp_path / "c.npz", ARRAYS, METADATA)
    with np.load(tmp_path / "c.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["blocks.0.wq"], ARRAYS["blocks.0.wq"])


def test_the_same_content_is_the_same_file(tmp_path):
    save_checkpoint(tmp_path / "a.npz", ARRAYS, METADATA)
    save_checkpoint(tmp_path / "b.npz", ARRAYS, METADATA)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_saving_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path / "c.npz", {}, {"step": step})
    assert load_checkpoint(tmp_path / "c.npz")[1] == {"step": 2}
    assert os.listdir(tmp_path) == ["c.npz"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "c.npz", {}, {"step": 1})

    def fail_late(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_seal", fail_late)
    message = r"^save_checkpoint: the file must be writable: .* got No space left on device at '"
    with pytest.raises(CheckpointError, match=message):
        save_checkpoint(tmp_path / "c.npz", {}, {"step": 2})
    assert load_checkpoint(tmp_path / "c.npz")[1] == {"step": 1}
    assert os.listdir(tmp_path) == ["c.npz"]


def test_saving_into_a_missing_folder_is_reported(tmp_path):
    message = r"expected a file in a folder that exists, got No such file or directory at '"
    with pytest.raises(CheckpointError, match=message):
        save_checkpoint(tmp_path / "gone" / "c.npz", {}, {})


@pytest.mark.parametrize(
    ("name", "array"),
    [("w", np.array([None])), ("__header__", np.zeros(1))],
    ids=["object", "name"],
)
def test_arrays_that_cannot_be_stored_are_rejected(tmp_path, name, array):
    message = (
        rf"^save_checkpoint: the array cannot be stored: .* got '{name}' of dtype {array.dtype}"
    )
    with pytest.raises(UsageError, match=message):
        save_checkpoint(tmp_path / "c.npz", {name: array}, {})
    assert not os.listdir(tmp_path)


def test_metadata_beyond_json_is_rejected(tmp_path):
    message = (
        r"^save_checkpoint: the metadata must be what JSON can hold: .* got Object of type set"
    )
    with pytest.raises(UsageError, match=message):
        save_checkpoint(tmp_path / "c.npz", {}, {"names": {"a"}})
    assert not os.listdir(tmp_path)


def test_a_flipped_bit_in_any_byte_is_noticed(folder, intact):
    path = folder / "flipped.npz"
    unnoticed = []
    for place in range(len(intact)):
        flipped = bytearray(intact)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            load_checkpoint(path)
        except CheckpointError:
            continue
        unnoticed.append(place)
    assert not unnoticed


@given(data=st.data())
def test_any_flipped_bit_is_noticed(folder, intact, data):
    flipped = bytearray(intact)
    flipped[data.draw(st.integers(0, len(intact) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "flipped.npz").write_bytes(flipped)
    with pytest.raises(CheckpointError):
        load_checkpoint(folder / "flipped.npz")


@given(data=st.data())
def test_any_truncation_is_noticed(folder, intact, data):
    (folder / "short.npz").write_bytes(intact[: data.draw(st.integers(0, len(intact) - 1))])
    with pytest.raises(CheckpointError):
        load_checkpoint(folder / "short.npz")


def sealed(**members):
    """An archive with a right checksum and any members."""
    file = io.BytesIO()
    checkpoint._write_archive(file, members)
    checkpoint._seal(file)
    return file.getvalue()


def header(**content):
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


BAD_FILES = {
    "empty": (b"", r"the file is no checkpoint: expected an .npz archive, got another file, '"),
    "text": (
        b"HAMLET",
        r"the file is no checkpoint: expected an .npz archive, got another file, '",
    ),
    "cut": (
        sealed(w=np.ones(3))[:-1],
        r"the checkpoint is damaged, truncated or not one of ours: expected the",
    ),
    "no-header": (
        sealed(w=np.ones(3)),
        r"the file is no checkpoint: expected a .* header, got Key",
    ),
    "no-json": (sealed(__header__=np.ones(3)), r"the file is no checkpoint: expected a .* header"),
    "no-zip": (
        checkpoint.ZIP_SIGNATURE
        + checkpoint.hashlib.sha256(checkpoint.ZIP_SIGNATURE).hexdigest().encode(),
        r"the file is no checkpoint: expected a .* header, got BadZipFile",
    ),
    "version": (
        sealed(__header__=header(format="capstone-checkpoint", version=1, metadata={})),
        r"of another format: expected capstone-checkpoint version 2, got capstone-checkpoint "
        r"version 1 in '",
    ),
    "format": (
        sealed(__header__=header(format="other", version=1, metadata={})),
        r"of another format: expected capstone-checkpoint version 2, got other version 1 in '",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_good_checkpoint_is_rejected_in_one_line(tmp_path, content, message):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"^load_checkpoint: .*{message}") as caught:
        load_checkpoint(tmp_path / "bad.npz")
    assert "\n" not in str(caught.value)
    assert "bad.npz" in str(caught.value)


def test_pickled_objects_are_never_loaded(tmp_path, monkeypatch):
    write_array = np.lib.format.write_array
    monkeypatch.setattr(
        np.lib.format, "write_array", lambda file, array, **_: write_array(file, array)
    )
    (tmp_path / "bad.npz").write_bytes(sealed(w=np.array([None])))
    with pytest.raises(CheckpointError, match=r"Object arrays cannot be loaded"):
        load_checkpoint(tmp_path / "bad.npz")


def test_a_plain_npz_is_rejected(tmp_path):
    np.savez(tmp_path / "plain.npz", w=np.ones(3))
    with pytest.raises(CheckpointError, match=r"damaged, truncated or not one of ours"):
        load_checkpoint(tmp_path / "plain.npz")


def test_a_missing_file_is_rejected(tmp_path):
    message = (
        r"^load_checkpoint: the file must exist: expected a checkpoint, got nothing at '.*gone'$"
    )
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / "gone")


def test_a_folder_is_rejected(tmp_path):
    message = r"^load_checkpoint: the file must be readable: .* got Is a directory at '"
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)


def named_parameters():
    """Two packed float32 parameters, full of zeros."""
    parameters = {
        "w": Parameter(np.zeros((2, 3), dtype=np.float32)),
        "gain": Parameter(np.zeros(3, dtype=np.float32)),
    }
    flat, _ = pack(parameters.values())
    return parameters, flat


def test_parameters_are_written_in_their_own_memory():
    parameters, flat = named_parameters()
    load_parameters(parameters.items(), {"gain": np.full(3, 7.0), "w": np.ones((2, 3))})
    assert flat.tolist() == [1.0] * 6 + [7.0] * 3
    assert flat.dtype == np.float32


GOOD = MappingProxyType({"w": np.ones((2, 3)), "gain": np.ones(3)})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w": GOOD["w"]}, r"the checkpoint must hold the model's parameters: .*, got no gain"),
        ({}, r"the checkpoint must hold .*: expected the same names, got no gain, w"),
        (GOOD | {"b": np.ones(1)}, r".*: expected the same names, got b besides"),
        ({"w": GOOD["w"], "b": np.ones(1)}, r".*: expected the same names, got no gain; b besides"),
        (
            GOOD | {"gain": np.ones(4)},
            r"'gain' has another shape in the checkpoint: expected \(3,\), got \(4,\)",
        ),
        (
            GOOD | {"gain": np.ones(3, dtype=complex)},
            r"'gain' has another kind of numbers in the checkpoint: .* float32, got complex128",
        ),
    ],
    ids=["missing", "two-missing", "unexpected", "both", "shape", "complex"],
)
def test_arrays_that_do_not_fit_are_rejected_and_nothing_is_written(arrays, message):
    parameters, flat = named_parameters()
    with pytest.raises(CheckpointError, match=rf"^load_parameters: {message}$"):
        load_parameters(parameters.items(), arrays)
    assert not flat.any()
