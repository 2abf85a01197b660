"""The one message shape of misuse."""

import re

import pytest

from capstone.errors import UsageError
from capstone.gradcheck.usage import MOST, check_option, in_one_line, refuse


def test_refusal_states_rule_expected_got_and_mend() -> None:
    with pytest.raises(UsageError, match=r"^check: a rule: expected 1, got 2; do this$"):
        refuse("a rule", expected=1, got=2, mend="do this")


def test_option_outside_its_choices_is_refused() -> None:
    check_option("depth", "auto", ("auto", "deep"))
    words = "check: unknown depth: expected one of auto, deep, got 'x'"
    with pytest.raises(UsageError, match=f"^{re.escape(words)}$"):
        check_option("depth", "x", ("auto", "deep"))


class UntoldError(Exception):
    """Fails when it is asked for its message."""

    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("one\n  two"), "ValueError: one two"),
        (MemoryError(), "MemoryError"),
        (UntoldError(), "UntoldError: it cannot be put in words"),
        (KeyError("k" * 1000), f"KeyError: '{'k' * (MOST - 1)} ..."),
    ],
)
def test_an_exception_is_told_in_one_line(error: Exception, words: str) -> None:
    assert in_one_line(error) == words
