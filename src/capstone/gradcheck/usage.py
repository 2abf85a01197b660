"""The wording of misuse. A copy of the package's own, so that the verifier stands on its own."""

from collections.abc import Sequence
from typing import NoReturn

from capstone.errors import UsageError


def refuse(
    rule: str,
    *,
    expected: object,
    got: object,
    mend: str = "",
    error: type[UsageError] = UsageError,
    function: str = "check",
) -> NoReturn:
    """Raise with the project's one message shape."""
    tail = f"; {mend}" if mend else ""
    raise error(f"{function}: {rule}: expected {expected}, got {got}{tail}")


def check_option(name: str, value: object, choices: Sequence[str]) -> None:
    """`value` is one of the named choices."""
    if not isinstance(value, str) or value not in choices:
        refuse(f"unknown {name}", expected=f"one of {', '.join(choices)}", got=repr(value))
