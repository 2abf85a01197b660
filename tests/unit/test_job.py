"""Jobs: how they are found, how ranks meet, and that they end together, for a reason said once."""

import platform
import signal
import sys
import types

import numpy as np
import pytest

from capstone import job as module
from capstone.cli import main
from capstone.errors import ConfigError, DataError, RankError
from capstone.job import Job, MpiCommunicator, find_job
from unit.fake_job import run_ranks

HERE = platform.node()


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


def test_a_process_by_itself_needs_nobody():
    alone, array = Job(), np.ones(2)
    alone.add_up(array)
    alone.check_same("ever", weights=array)
    assert (alone.meet(3.0), alone.first(lambda: 4), alone.run(lambda: 5)) == (3, 4, 5)
    assert array.tolist() == [1, 1]


def test_ranks_add_up_numbers_and_arrays():
    def work(job):
        array = np.full(3, 10.0**job.rank)
        job.add_up(array)
        return job.meet(job.rank), array.tolist()

    assert run_ranks(3, work) == [(3, [111, 111, 111])] * 3


def test_the_first_rank_works_for_all():
    callers = []

    def work(job):
        return job.first(lambda: callers.append(job.rank) or "made")

    assert run_ranks(3, work) == ["made"] * 3
    assert callers == [0]


def fails(outcomes, error, message):
    """The first rank has this error, all others are silent."""
    assert [type(outcome) for outcome in outcomes] == [error] + [SystemExit] * (len(outcomes) - 1)
    assert not any(outcome.code for outcome in outcomes[1:])
    assert str(outcomes[0]) == message


@pytest.mark.parametrize("rank", [0, 1, 3])
@pytest.mark.parametrize("meetings", [0, 2])
def test_a_mistake_in_one_rank_ends_all_and_is_named(rank, meetings):
    def work(job):
        for _ in range(meetings):
            job.meet()
        if job.rank == rank:
            raise DataError("no such text")
        job.meet()
        job.add_up(np.ones(1))

    outcomes = run_ranks(4, work)
    fails(outcomes, RankError, f"rank {rank} of 4 on {HERE}: no such text")
    assert outcomes[0].code == 2


def test_a_rank_that_fails_last_of_all_ends_those_that_are_done():
    def work(job):
        if job.rank == 1:
            raise DataError("too late")

    fails(run_ranks(2, work), RankError, f"rank 1 of 2 on {HERE}: too late")


def test_a_mistake_that_all_ranks_meet_is_said_once_as_by_one_process():
    def work(job):
        raise DataError("no such text")

    fails(run_ranks(4, work), DataError, "no such text")


def test_different_mistakes_name_the_first_of_them():
    def work(job):
        raise DataError(f"no text{job.rank}")

    fails(run_ranks(3, work), RankError, f"rank 0 of 3 on {HERE}: no text0")


def test_a_mistake_where_one_rank_works_for_all_is_said_as_by_one_process():
    def make():
        raise ConfigError("it has content")

    fails(run_ranks(3, lambda job: job.first(make)), ConfigError, "it has content")


def test_too_little_memory_in_a_rank_is_no_bug():
    def work(job):
        if job.rank == 1:
            raise MemoryError("4 GiB")
        job.meet()

    outcomes = run_ranks(2, work)
    fails(outcomes, RankError, f"rank 1 of 2 on {HERE}: not enough memory: 4 GiB")
    assert outcomes[0].code == 2


@pytest.mark.parametrize(
    ("ranks", "name"), [({1}, f"rank 1 of 3 on {HERE}"), ({0, 1, 2}, "all ranks")]
)
def test_a_bug_comes_with_its_traceback(ranks, name):
    def work(job):
        if job.rank in ranks:
            1 // 0  # noqa: B018 -- planted
        job.meet()

    outcome, *_ = outcomes = run_ranks(3, work)
    assert [type(outcome) for outcome in outcomes] == [RankError, SystemExit, SystemExit]
    first, second, *_, last = str(outcome).splitlines()
    assert first.startswith(f"{name}: ZeroDivisionError: ")
    assert second == "Traceback (most recent call last):"
    assert last.startswith("ZeroDivisionError: ")
    assert outcome.code == 1


def test_an_interruption_of_any_rank_stops_all_at_the_same_meeting():
    met = []

    def work(job):
        for step in range(5):
            if (job.rank, step) == (2, 3):
                job._is_interrupted = True
            job.meet()
            met.append(step)

    outcomes = run_ranks(3, work)
    assert [type(outcome) for outcome in outcomes] == [KeyboardInterrupt] + [SystemExit] * 2
    assert sorted(met) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_sigint_waits_for_a_meeting():
    class Alone:
        rank, size = 0, 1
        meet = exchange = staticmethod(lambda value: [value])

    passed = []

    def work():
        signal.raise_signal(signal.SIGINT)
        passed.append("the place of the signal")
        job.meet()
        passed.append("the meeting")

    job, before = Job(Alone()), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        job.run(work)
    assert passed == ["the place of the signal"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_rank_that_holds_something_else_is_named():
    def work(job):
        weights = np.zeros(3)
        weights[1] = 1e-30 * (job.rank == 2)
        job.check_same("after 7 steps", options=b"lr = 1", weights=weights)

    message = (
        "ranks: all ranks must have the same weights after 7 steps: expected those of rank 0, "
        f"got others in rank 2 of 3 on {HERE}; "
        "start the same command on machines of one kind, from the same text"
    )
    fails(run_ranks(3, work), RankError, message)


def test_ranks_that_hold_the_same_go_on():
    def work(job):
        job.check_same("ever", text=b"to be", weights=np.ones((2, 2)))
        return "on"

    assert run_ranks(3, work) == ["on"] * 3
