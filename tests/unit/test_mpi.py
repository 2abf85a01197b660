"""How a job is found, with stand-ins for launchers and for mpi4py; `mpi/` has real ones."""

import sys
import types

import numpy as np
import pytest

from capstone import mpi as module
from capstone.cli import main
from capstone.errors import ConfigError
from capstone.mpi import MpiCommunicator, find_job


class FakeMPI(types.ModuleType):
    """As much of `mpi4py.MPI` as we use, in a job of one."""

    IN_PLACE, ERRORS_ARE_FATAL = object(), object()

    def __init__(self, size=1):
        super().__init__("mpi4py.MPI")
        self.COMM_WORLD = self
        self.size, self.rank, self.looks, self.calls = size, 0, 0, []

    def Dup(self):
        return self

    def Set_errhandler(self, handler):
        assert handler is self.ERRORS_ARE_FATAL
        self.calls.append("errors are fatal")

    def Get_library_version(self):
        return "Open MPI v5.0.11, package: and so on"

    def Iallreduce(self, where, numbers):
        assert where is self.IN_PLACE
        numbers *= 2
        return self

    def Test(self):
        self.looks += 1
        return self.looks > 3

    def Allreduce(self, where, array):
        assert where is self.IN_PLACE
        array *= 2

    def allgather(self, value):
        return [value]


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    """These tests may themselves run in a job."""
    for name in {*module.RANK, *module.SIZE, *module.RANK_ON_MACHINE}:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def launch(monkeypatch):
    """The environment that a launcher makes, and an mpi4py that finds `size` processes."""

    def launch(environment, size=4):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        mpi4py = types.ModuleType("mpi4py")
        mpi4py.MPI = FakeMPI(size)
        monkeypatch.setitem(sys.modules, "mpi4py", mpi4py)

    return launch


OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4"}
MPICH = {"PMI_RANK": "0", "PMI_SIZE": "4"}


@pytest.mark.parametrize(
    ("environment", "size"),
    [(OPEN_MPI, 4), (MPICH, 4), ({"PMIX_RANK": "0"}, 4), ({"PMI_RANK": "0", "PMI_SIZE": "1"}, 1)],
    ids=["open_mpi", "mpich", "pmix", "one_process"],
)
def test_a_job_is_found_by_what_its_launcher_sets(launch, environment, size):
    launch(environment)
    assert find_job().size == size


@pytest.mark.parametrize("environment", [{}, {"PMI_RANK": "0", "PMI_SIZE": "1"}, {"PMI_SIZE": "4"}])
def test_a_process_by_itself_never_asks_for_mpi4py(launch, monkeypatch, environment):
    launch(environment)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert (find_job().size, find_job().is_first) == (1, True)


def test_several_processes_without_mpi4py_are_refused(launch, monkeypatch):
    launch(MPICH)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    message = (
        r"^ranks: a job of 4 processes needs mpi4py: expected it installed, got .*mpi4py.*; pip"
    )
    with pytest.raises(ConfigError, match=message):
        find_job()


def test_an_mpi4py_that_finds_no_mpi_is_refused(launch, monkeypatch):
    class Lost(types.ModuleType):
        def __getattr__(self, name):
            raise RuntimeError("cannot load MPI library\nlibmpi.so: no such file")

    launch(MPICH)
    monkeypatch.setitem(sys.modules, "mpi4py", Lost("mpi4py"))
    with pytest.raises(ConfigError, match=r"got cannot load MPI library; pip install"):
        find_job()


def test_an_mpiexec_of_another_mpi_is_refused(launch):
    launch(MPICH, size=1)
    message = (
        r"^ranks: mpiexec and mpi4py must belong to the same MPI: expected 4 processes, "
        r"got 1 with Open MPI v5.0.11; start the job with the mpiexec of that MPI$"
    )
    with pytest.raises(ConfigError, match=message):
        find_job()


@pytest.mark.parametrize("rank_here", ["MPI_LOCALRANKID", "PMI_RANK"])
def test_one_process_a_machine_says_that_mpi4py_is_missing(launch, monkeypatch, capsys, rank_here):
    launch({**MPICH, rank_here: "1"})
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(SystemExit) as ended:
        main(["train"])
    assert not ended.value.code
    assert capsys.readouterr() == ("", "")


def test_a_mistake_on_the_command_line_is_said_by_the_first_rank(launch, capsys):
    launch(MPICH)
    with pytest.raises(SystemExit) as ended:
        main(["train", "--bogus"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    launch({"PMI_RANK": "1"})
    with pytest.raises(SystemExit) as ended:
        main(["train", "--bogus"])
    assert not ended.value.code
    assert capsys.readouterr() == ("", "")


def test_mpi_is_called_in_place_and_asked_until_all_are_there(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0)
    mpi = FakeMPI()
    communicator = MpiCommunicator(mpi)
    numbers, array = np.array([1.0, 2.0]), np.array([3.0])
    communicator.meet(numbers)
    communicator.add_up(array)
    assert (numbers.tolist(), array.tolist(), mpi.looks) == ([2, 4], [6], 4)
    assert communicator.exchange("it") == ["it"]
    assert mpi.calls == ["errors are fatal"]
