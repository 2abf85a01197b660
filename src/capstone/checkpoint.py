"""Checkpoints: named arrays and JSON metadata in one `.npz` file that notices any damage.

The file is an ordinary uncompressed `.npz`, readable with `np.load`, without pickle. The checksums
of that format guard the arrays but not every byte around them; here the archive's comment, its
last 64 bytes, is the SHA-256 of everything before it.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from capstone._checks import fail
from capstone._files import replacing
from capstone._typing import Array
from capstone.errors import CheckpointError
from capstone.parameter import Parameter

FORMAT = "capstone-checkpoint"
FORMAT_VERSION = 2
HEADER = "__header__"  # the array that holds the JSON, as bytes
SEAL_SIZE = 64  # hexadecimal digits of a SHA-256
ZIP_SIGNATURE = b"PK\x03\x04"
CHUNK = 1 << 20  # bytes read at a time for the seal


def save_checkpoint(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], metadata: dict[str, Any]
) -> None:
    """Write a checkpoint; `path` holds the old file or the new one, never a part.

    Args:
        path: the file, conventionally `*.npz`.
        arrays: any shapes and dtypes but objects, by name.
        metadata: what JSON can hold; tuples come back as lists, keys as strings.

    Raises:
        UsageError: An array holds objects, its name is reserved, or JSON cannot hold the metadata.
        CheckpointError: The file cannot be written.
    """
    header = _make_header(metadata)
    for name, array in arrays.items():
        if name == HEADER or array.dtype.hasobject:
            got = f"'{name}' of dtype {array.dtype}"
            expected = f"plain numbers, not called '{HEADER}'"
            fail("save_checkpoint", "the array cannot be stored", expected=expected, got=got)
    try:
        with replacing(Path(path)) as file:
            _write_archive(file, {HEADER: header, **arrays})
            _seal(file)
    except OSError as error:
        rule, got = "the file must be writable", f"{error.strerror} at '{path}'"
        expected = "a file in a folder that exists"
        fail("save_checkpoint", rule, expected=expected, got=got, error=CheckpointError)


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read `(arrays, metadata)` as `save_checkpoint` wrote them.

    Raises:
        CheckpointError: The file is missing, damaged, truncated, no checkpoint, or of another
            version of the format.
    """
    path = Path(path)
    content = _read(path)
    if not content.startswith(ZIP_SIGNATURE):
        _reject("the file is no checkpoint", "an .npz archive", f"another file, '{path}'")
    if (
        hashlib.sha256(memoryview(content)[:-SEAL_SIZE]).hexdigest().encode()
        != content[-SEAL_SIZE:]
    ):
        rule = "the checkpoint is damaged, truncated or not one of ours"
        _reject(rule, "the SHA-256 of its content at its end", f"another end, '{path}'")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays.pop(HEADER).tobytes())
        found, metadata = (header["format"], header["version"]), header["metadata"]
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        _reject("the file is no checkpoint", f"a {FORMAT} header", f"{error!r} in '{path}'")
    if found != (FORMAT, FORMAT_VERSION):
        got = f"{found[0]} version {found[1]} in '{path}'"
        _reject("the checkpoint is of another format", f"{FORMAT} version {FORMAT_VERSION}", got)
    return arrays, metadata


def load_parameters(
    named_parameters: Iterable[tuple[str, Parameter]], arrays: Mapping[str, Array]
) -> None:
    """Copy arrays into the parameters of the same names: all of them, or none.

    The values are written into the parameters' own memory and take its dtype.

    Raises:
        CheckpointError: A name is missing or unexpected, or an array has another shape or is not
            real; nothing was written.
    """
    parameters = dict(named_parameters)
    where = "load_parameters"
    _check_names(where, parameters.keys() - arrays.keys(), arrays.keys() - parameters.keys())
    for name, parameter in parameters.items():
        _check_fits(where, name, parameter.data, arrays[name])
    for name, parameter in parameters.items():
        parameter.data[...] = arrays[name]


def _make_header(metadata: dict[str, Any]) -> Array:
    content = {"format": FORMAT, "version": FORMAT_VERSION, "metadata": metadata}
    try:
        text = json.dumps(content)
    except (TypeError, ValueError) as error:
        rule = "the metadata must be what JSON can hold"
        fail("save_checkpoint", rule, expected="numbers, texts, lists, dicts", got=str(error))
    return np.frombuffer(text.encode("ascii"), dtype=np.uint8)  # (bytes,)


def _write_archive(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.comment = b"0" * SEAL_SIZE  # `_seal` fills it in


def _seal(file: IO[bytes]) -> None:
    """Overwrite the comment at the end with the digest of all that comes before it."""
    remaining = file.seek(-SEAL_SIZE, os.SEEK_END)
    digest = hashlib.sha256()
    file.seek(0)
    while remaining:
        chunk = file.read(min(CHUNK, remaining))
        digest.update(chunk)
        remaining -= len(chunk)
    file.seek(-SEAL_SIZE, os.SEEK_END)
    file.write(digest.hexdigest().encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        _reject("the file must exist", "a checkpoint", f"nothing at '{path}'")
    except OSError as error:
        _reject("the file must be readable", "a checkpoint", f"{error.strerror} at '{path}'")


def _check_names(where: str, missing: set[str], surplus: set[str]) -> None:
    if missing or surplus:
        lacks = [f"no {', '.join(sorted(missing))}"] if missing else []
        has = [f"{', '.join(sorted(surplus))} besides"] if surplus else []
        rule, got = "the checkpoint must hold the model's parameters", "; ".join(lacks + has)
        fail(where, rule, expected="the same names", got=got, error=CheckpointError)


def _check_fits(where: str, name: str, data: Array, array: Array) -> None:
    if array.shape != data.shape:
        rule = f"'{name}' has another shape in the checkpoint"
        fail(where, rule, expected=data.shape, got=array.shape, error=CheckpointError)
    if not np.can_cast(array.dtype, data.dtype, "same_kind"):
        rule = f"'{name}' has another kind of numbers in the checkpoint"
        fail(where, rule, expected=data.dtype, got=array.dtype, error=CheckpointError)


def _reject(rule: str, expected: str, got: str) -> NoReturn:
    fail("load_checkpoint", rule, expected=expected, got=got, error=CheckpointError)
