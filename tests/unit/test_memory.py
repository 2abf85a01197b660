"""The settings of the C library."""

import ctypes
import platform

import pytest

from capstone import memory


def test_the_gnu_library_knows_the_setting() -> None:
    assert memory.keep_freed_memory() is (platform.libc_ver()[0] == "glibc")


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False


def test_the_thresholds_and_the_one_arena_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Library:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            calls.append((parameter, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    assert memory.keep_freed_memory() is True
    assert dict(calls) == {-3: 32 << 20, -1: (1 << 31) - 1, -8: 1}
