"""Every exception that the package raises on purpose, in one tree.

Messages have one shape, made by :mod:`capstone._checks`:
``<where>: <rule in words>: expected <value>, got <value>``, then the mend if it is known.
"""


class CapstoneError(Exception):
    """Root of the tree: `except CapstoneError` catches whatever the package reports."""


class UsageError(CapstoneError, ValueError):
    """A caller broke a rule: a wrong shape, dtype, size, range or combination of options."""


class ConfigError(UsageError):
    """An unknown preset, an unknown or ill-typed key, options that exclude each other."""


class DataError(UsageError):
    """A text file that is missing, empty, binary, not UTF-8 or too short to train on."""


class UnknownCharacterError(DataError):
    """A text holds a character that the tokenizer has never seen."""


class CheckpointError(CapstoneError):
    """A file that is no checkpoint, is damaged, or belongs to another model or version."""


class NonFiniteError(CapstoneError, ArithmeticError):
    """A NaN or an infinity where training cannot go on; the message names the tensor."""


class RankError(CapstoneError, RuntimeError):
    """One of several processes that work together failed, or drifted; the message names it.

    Args:
        message: what happened.
        code: the exit code that it would have ended with alone.
    """

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class BackwardOrderError(CapstoneError, RuntimeError):
    """`backward` was called without a `forward` of its own before it."""


class GradientMismatch(CapstoneError, AssertionError):
    """A gradient check failed; the message is the report's diagnosis."""
