"""The processes that one `mpiexec` started: how they meet, and how they end together.

The processes, called ranks, run the same program and wait for each other at meetings. A rank that
fails goes to the next meeting as well and says so there: then all stop at the same place, and what
went wrong is said once. Ctrl-C waits for a meeting for the same reason. What a rank cannot say
itself, because it was killed, `mpiexec` notices: it ends the others.
"""

import platform
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import CapstoneError, RankError

T = TypeVar("T")

MISTAKE, BUG, INTERRUPTED = 2, 1, 130  # exit codes


class Communicator(Protocol):
    """What a job needs of MPI. Every rank takes part in every call, in the same order."""

    rank: int
    size: int

    def meet(self, numbers: Array) -> None:
        """Add up a few numbers over the ranks, in place; may have to wait for long."""

    def add_up(self, array: Array) -> None:
        """Add up an array over the ranks, in place; all of them are here already."""

    def exchange(self, value: Any) -> list[Any]:
        """The values of all ranks, in their order."""


class Failure(NamedTuple):
    """What a rank says about its own end."""

    words: str
    code: int
    host: str
    is_common: bool  # whether it happened where one rank works for all
    trace: str = ""  # of what is a mistake of ours


class Sums(NamedTuple):
    """What a meeting adds up over the ranks."""

    number: float
    failed: float
    interrupted: float


class OtherRankError(CapstoneError):
    """Another rank has failed; raised at a meeting, and caught by `Job.run`."""


class Job:
    """One process, or one of several that work together.

    Args:
        communicator: the way to the others; None for a process by itself, in which nothing below
            costs anything.
    """

    def __init__(self, communicator: Communicator | None = None) -> None:
        self._comm = communicator
        self.rank = 0 if communicator is None else communicator.rank
        self.size = 1 if communicator is None else communicator.size
        self._works_for_all = False
        self._is_interrupted = False

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes and speaks for all."""
        return self.rank == 0

    def run(self, work: Callable[[], T]) -> T:
        """Call a function in every rank; if it fails in one, it ends in all, for the same reason.

        Returns:
            What it returned here, once all ranks are done.

        Raises:
            RankError: it failed in some rank; the message says in which.
            CapstoneError: it failed in all ranks alike, or where one works for all; MemoryError
                and KeyboardInterrupt likewise.
            SystemExit: instead of these, in all ranks but the first; with exit code 0, for at any
                other `mpiexec` may end the first one before it has said its line.
        """
        if self._comm is None:
            return work()
        try:
            with self._noticing_interrupts():
                result = work()
                self.meet()
        except OtherRankError:
            self._stop(self._comm, None)
        except (Exception, KeyboardInterrupt) as error:
            self._join(failed=1)
            self._stop(self._comm, error)
        return result

    def meet(self, number: float = 0.0) -> float:
        """Wait until all ranks are here, and add up a number over them.

        Raises:
            OtherRankError: a rank has failed.
            KeyboardInterrupt: the job was interrupted; in all ranks at the same meeting.
        """
        if self._comm is None:
            return number
        sums = self._join(number)
        if sums.failed:
            raise OtherRankError
        if sums.interrupted:
            raise KeyboardInterrupt
        return sums.number

    def add_up(self, array: Array) -> None:
        """Add up an array over the ranks, in place; right after a meeting.

        All ranks get the same result to the bit: MPI requires it of this operation.
        """
        if self._comm is not None:
            self._comm.add_up(array)

    def first(self, function: Callable[[], T]) -> T:
        """What a function returns in the first rank, for all; the others wait."""
        if self._comm is None:
            return function()
        result = None
        if self.is_first:
            self._works_for_all = True
            result = function()
        self.meet()
        self._works_for_all = False
        shared: T = self._comm.exchange(result)[0]
        return shared

    def count_here(self) -> int:
        """The ranks on this machine, this one among them."""
        if self._comm is None:
            return 1
        self.meet()
        return self._comm.exchange(platform.node()).count(platform.node())

    def check_same(self, when: str, **things: bytes | Array) -> None:
        """All ranks hold the same of each thing, to the bit.

        Raises:
            RankError: one does not; in all ranks.
        """
        if self._comm is None:
            return
        mine = {name: _digest(thing) for name, thing in things.items()}
        self.meet()
        everyone = self._comm.exchange((platform.node(), mine))
        for name in things:
            for rank, (host, digests) in enumerate(everyone):
                if digests[name] != everyone[0][1][name]:
                    rule = f"all ranks must have the same {name} {when}"
                    got = f"others in {self._name(rank, host)}"
                    mend = "start the same command on machines of one kind, from the same text"
                    expected = "those of rank 0"
                    fail("ranks", rule, expected=expected, got=got, mend=mend, error=RankError)

    def _join(self, number: float = 0.0, failed: int = 0) -> Sums:
        """One meeting."""
        assert self._comm is not None
        sums = np.array([number, failed, self._is_interrupted], np.float64)
        self._comm.meet(sums)
        return Sums(*sums.tolist())

    def _stop(self, comm: Communicator, error: BaseException | None) -> NoReturn:
        """Tell each other what went wrong, and raise that, after a meeting with a failure.

        The first rank raises its own error where all failed alike, or where it worked for all; a
        RankError that names who failed, with the traceback of a bug, otherwise. All others end.
        """
        failures = comm.exchange(None if error is None else self._describe(error))
        failed = [(rank, failure) for rank, failure in enumerate(failures) if failure]
        rank, failure = failed[0]
        is_alike = len(failed) == self.size and len({failure.words for _, failure in failed}) == 1
        if not self.is_first:
            raise SystemExit from error
        if error is not None and (failure.is_common or is_alike) and not failure.trace:
            raise error
        who = "all ranks" if is_alike else self._name(rank, failure.host)
        words = "\n".join(filter(None, (f"{who}: {failure.words}", failure.trace)))
        raise RankError(words, failure.code) from error

    def _describe(self, error: BaseException) -> Failure:
        host, is_common = platform.node(), self._works_for_all
        if isinstance(error, KeyboardInterrupt):
            return Failure("interrupted", INTERRUPTED, host, is_common=True)
        if isinstance(error, MemoryError):
            return Failure(f"not enough memory: {error}", MISTAKE, host, is_common)
        if isinstance(error, CapstoneError):
            return Failure(str(error), MISTAKE, host, is_common)
        trace = "".join(traceback.format_exception(error)).rstrip()
        return Failure(f"{type(error).__name__}: {error}", BUG, host, is_common, trace)

    def _name(self, rank: int, host: str) -> str:
        return f"rank {rank} of {self.size} on {host}"

    @contextmanager
    def _noticing_interrupts(self) -> Iterator[None]:
        """SIGINT waits for the next meeting: between two, a rank that stops would be missed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def notice(*_: object) -> None:
            self._is_interrupted = True

        before = signal.signal(signal.SIGINT, notice)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _digest(thing: bytes | Array) -> bytes:
    return blake2b(thing if isinstance(thing, bytes) else thing.data, digest_size=16).digest()
