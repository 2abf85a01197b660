"""Where a job comes from: what `mpiexec` tells its processes, and how they talk through mpi4py.

Whether there are several processes is read from the environment, so that one by itself never loads
mpi4py, and may do without it.
"""

import os
import time
import warnings
from collections.abc import Sequence
from typing import Any

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import ConfigError
from capstone.job import Job

RANK = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
SIZE = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
RANK_ON_MACHINE = ("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", *RANK)
"""What the launchers of Open MPI, of MPICH and its relatives, and of PMIx (no size) tell."""

PAUSE = 1e-4  # seconds between two looks at a meeting: a rank that waits leaves its core to others


class MpiCommunicator:
    """All processes of an MPI job, through mpi4py.

    Args:
        MPI: the module `mpi4py.MPI`.
    """

    def __init__(self, MPI: Any) -> None:
        self._mpi, self._comm = MPI, MPI.COMM_WORLD.Dup()
        self._comm.Set_errhandler(MPI.ERRORS_ARE_FATAL)  # after one of MPI itself nobody can meet
        self.rank: int = self._comm.rank
        self.size: int = self._comm.size

    def meet(self, numbers: Array) -> None:
        """Add up a few numbers over the ranks, in place, without keeping a core busy."""
        request = self._comm.Iallreduce(self._mpi.IN_PLACE, numbers)
        while not request.Test():
            time.sleep(PAUSE)

    def add_up(self, array: Array) -> None:
        """Add up an array over the ranks, in place."""
        self._comm.Allreduce(self._mpi.IN_PLACE, array)

    def exchange(self, value: Any) -> list[Any]:
        """The values of all ranks, in their order."""
        values: list[Any] = self._comm.allgather(value)
        return values


def find_job() -> Job:
    """The job that this process belongs to, as its environment tells.

    Raises:
        ConfigError: there are several processes and no mpi4py, or one of another MPI.
        SystemExit: the same, where another process on this machine says so.
    """
    size = _number(SIZE)
    if _number(RANK) is None or size == 1:
        return Job()
    try:
        return Job(_connect(size))
    except ConfigError:
        if _number(RANK_ON_MACHINE):
            raise SystemExit from None
        raise


def is_other_rank() -> bool:
    """Whether there is a first rank, and this is not it."""
    return bool(_number(RANK))


def _connect(size: int | None) -> MpiCommunicator:
    """MPI, which must find as many processes as `mpiexec` has started, where that is known."""
    expected = "several processes" if size is None else f"{size} processes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that of another MPI is an error below
            from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter: it finds no MPI
        rule, mend = f"a job of {expected} needs mpi4py", 'pip install ".[mpi]"'
        got = str(error).partition("\n")[0]
        fail("ranks", rule, expected="it installed", got=got, mend=mend, error=ConfigError)
    communicator = MpiCommunicator(MPI)
    if size not in (None, communicator.size):
        rule = "mpiexec and mpi4py must belong to the same MPI"
        got = f"{communicator.size} with {MPI.Get_library_version().partition(',')[0]}"
        mend = "start the job with the mpiexec of that MPI"
        fail("ranks", rule, expected=expected, got=got, mend=mend, error=ConfigError)
    return communicator


def _number(names: Sequence[str]) -> int | None:
    """The first of these environment variables that is a number."""
    found = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in found if value.isdecimal()), None)
