"""What a check may cost: seconds, or evaluations of the forward pass."""

import time

from capstone.gradcheck.usage import refuse


class BudgetSpentError(BaseException):
    """Nothing is left; no `Exception`, so that nobody takes it for an error of the subject."""


class Budget:
    """A limit, and how much of it is left.

    Args:
        limit: an `int` counts forward passes, a `float` seconds; None is no limit.
    """

    def __init__(self, limit: float | None) -> None:
        if limit is not None and (
            isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0
        ):
            expected = "seconds (a float) or forward passes (an int), above 0"
            refuse("budget must be a positive number", expected=expected, got=repr(limit))
        self.limit = limit
        self.started = time.perf_counter()
        self.taken = 0
        """Forward passes so far, where it is asked before each of them."""

    @property
    def counts_forwards(self) -> bool:
        """Not seconds."""
        return isinstance(self.limit, int)

    def spent(self, forwards: int) -> float:
        """Forward passes, or seconds."""
        return forwards if self.counts_forwards else time.perf_counter() - self.started

    def left(self, forwards: int) -> float:
        """What remains, in the budget's own unit; infinite without a limit."""
        return float("inf") if self.limit is None else self.limit - self.spent(forwards)

    def is_spent(self, forwards: int) -> bool:
        """Is nothing left?"""
        return self.left(forwards) <= 0

    def take(self) -> None:
        """One more forward pass, that can be done without.

        Raises:
            BudgetSpentError: nothing is left.
        """
        if self.is_spent(self.taken):
            raise BudgetSpentError
        self.taken += 1
