"""Jobs: how ranks meet, and that they end together, for a reason said once."""

import platform
import signal
import threading

import numpy as np
import pytest

from capstone.errors import ConfigError, DataError, RankError
from capstone.job import Job
from unit.fake_job import run_ranks

HERE = platform.node()


def test_a_process_by_itself_needs_nobody():
    alone, array = Job(), np.ones(2)
    alone.add_up(array)
    alone.check_same("ever", weights=array)
    assert (alone.meet(3.0), alone.first(lambda: 4), alone.run(lambda: 5)) == (3, 4, 5)
    assert array.tolist() == [1, 1]
    assert alone.count_here() == 1


def test_ranks_add_up_numbers_and_arrays():
    def work(job):
        array = np.full(3, 10.0**job.rank)
        job.add_up(array)
        return job.meet(job.rank), array.tolist()

    assert run_ranks(3, work) == [(3, [111, 111, 111])] * 3


def test_the_ranks_of_each_machine_are_counted(monkeypatch):
    this = threading.local()
    monkeypatch.setattr("platform.node", lambda: this.machine)

    def work(job):
        this.machine = "left" if job.rank < 2 else "right"
        return job.count_here()

    assert run_ranks(5, work) == [2, 2, 3, 3, 3]


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


def test_a_later_mistake_of_the_first_rank_is_its_own():
    def work(job):
        job.first(lambda: 1)
        if job.is_first:
            raise DataError("no such text")
        job.meet()

    words = f"rank 0 of 3 on {HERE}: no such text"
    fails(run_ranks(3, work), RankError, words)


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
