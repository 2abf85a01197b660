"""The file of a capsule: named arrays and JSON in an `.npz`, whose checksums notice damage."""

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError
from capstone.gradcheck.usage import refuse

FORMAT = "capstone-capsule"
VERSION = 1
HEADER = "capsule"  # the array that holds the JSON, as bytes


def write_archive(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> None:
    """Write the file: a reader finds the old one or the new one, never a part.

    Raises:
        UsageError: something else stands there, or the file cannot be written.
    """
    function = "save_capsule"
    if path.exists() and not _is_capsule(path):
        rule, got = "only a capsule is overwritten", f"something else, '{path}'"
        refuse(rule, expected="a new file or a capsule", got=got, function=function)
    text = json.dumps({"format": FORMAT, "version": VERSION, **metadata})
    content = io.BytesIO()
    header = np.frombuffer(text.encode("ascii"), np.uint8)  # (bytes,)
    np.savez(content, allow_pickle=False, **{HEADER: header}, **arrays)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        got = f"{error.strerror} at '{path}'"
        refuse("the file must be writable", expected="a folder", got=got, function=function)
    finally:
        with contextlib.suppress(OSError):  # it has been renamed, or never was
            temporary.unlink()


def read_archive(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and the metadata.

    Raises:
        UsageError: no such file, or one that is damaged, no capsule, or of a newer version.
    """
    arrays, metadata = _open(path)
    if metadata.get("version") != VERSION:
        got = f"version {metadata.get('version')!r} in '{path}'"
        _reject("the capsule is of another version", f"version {VERSION}", got)
    return arrays, metadata


def _open(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """The same of a capsule of any version."""
    try:
        content = path.read_bytes()
    except OSError as error:
        _reject("the capsule must be readable", "a file", f"{error.strerror} at '{path}'")
    if not content:
        _reject("the file is empty", "a capsule", f"nothing in '{path}'")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        _reject("the file is no capsule", "an .npz archive", f"another or a cut file, '{path}'")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except Exception as error:  # whatever a broken archive makes of its reader
        got = " ".join(f"{type(error).__name__}: {error} in '{path}'".split())
        _reject("the capsule is damaged", "whole arrays", got)
    header = arrays.pop(HEADER, None)
    metadata = {} if header is None else _parse(header)
    if metadata.get("format") != FORMAT:
        _reject("the file is no capsule", f"the format {FORMAT}", f"another .npz, '{path}'")
    return arrays, metadata


def _parse(header: Array) -> dict[str, Any]:
    """The metadata; nothing if it is something else."""
    try:
        metadata = json.loads(header.tobytes())
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _is_capsule(path: Path) -> bool:
    try:
        _open(path)
    except UsageError:
        return False
    return True


def _reject(rule: str, expected: str, got: str) -> NoReturn:
    refuse(rule, expected=expected, got=got, function="load_capsule")
