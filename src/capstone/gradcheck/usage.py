"""The wording of misuse. A copy of the package's own, so that the verifier stands on its own."""

from collections.abc import Sequence
from typing import NoReturn

from capstone.errors import UsageError

MOST = 200  # characters of somebody else's message


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


def in_one_line(error: BaseException) -> str:
    """An exception's type and message; of a long message, or one that fails itself, what fits."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # an exception of the caller's may be as wrong as anything else of theirs
        words = "it cannot be put in words"
    name = type(error).__name__
    words = words if len(words) <= MOST else f"{words[:MOST]} ..."
    return f"{name}: {words}" if words else name


def check_option(name: str, value: object, choices: Sequence[str]) -> None:
    """`value` is one of the named choices."""
    if not isinstance(value, str) or value not in choices:
        refuse(f"unknown {name}", expected=f"one of {', '.join(choices)}", got=repr(value))
