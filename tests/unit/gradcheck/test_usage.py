"""The one message shape of misuse."""

import re

import pytest

from capstone.errors import UsageError
from capstone.gradcheck.usage import check_option, refuse


def test_refusal_states_rule_expected_got_and_mend() -> None:
    with pytest.raises(UsageError, match=r"^check: a rule: expected 1, got 2; do this$"):
        refuse("a rule", expected=1, got=2, mend="do this")


def test_option_outside_its_choices_is_refused() -> None:
    check_option("depth", "auto", ("auto", "deep"))
    words = "check: unknown depth: expected one of auto, deep, got 'x'"
    with pytest.raises(UsageError, match=f"^{re.escape(words)}$"):
        check_option("depth", "x", ("auto", "deep"))
