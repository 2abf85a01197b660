"""What becomes of warnings in one thread, whatever other threads do at the same time.

`warnings.catch_warnings` swaps a list that belongs to the whole process: of two threads that leave
it, one may restore what the other had put there; and while one thread turns a warning into an
error, it is an error in the others too.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

LIST_OF_FILTERS = Lock()  # is taken to change it, not while the caller's code runs


class _OfThisThread(type):
    """Makes stand-ins for a category of warnings that match in the thread that made them only."""

    covered: type[Warning]
    thread: int | None

    def __subclasscheck__(cls, category: type) -> bool:
        return cls.thread == get_ident() and issubclass(category, cls.covered)


@contextmanager
def warnings_here(action: Any, category: type[Warning] = Warning) -> Iterator[None]:
    """Within it, `action` ("error" or "ignore") is taken on warnings of a category."""
    contents = {"covered": category, "thread": get_ident()}
    stand_in: Any = _OfThisThread("StandIn", (Warning,), contents)
    module: Any = warnings
    with LIST_OF_FILTERS:
        warnings.simplefilter(action, stand_in)
    try:
        yield
    finally:
        stand_in.thread = None  # wherever else a copy of the list has it
        with LIST_OF_FILTERS:  # a new list: another thread may be going through the old one
            module.filters = [entry for entry in module.filters if entry[2] is not stand_in]
