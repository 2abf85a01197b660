"""A job whose ranks are threads of this process, for tests that need no MPI."""

import threading
from concurrent.futures import ThreadPoolExecutor

from capstone.job import Job

LONG = 60  # seconds after which a rank that waits for another one fails


class Meeting:
    """What the ranks share."""

    def __init__(self, size):
        self.values = [None] * size
        self.barrier = threading.Barrier(size, timeout=LONG)


class ThreadCommunicator:
    """Each call waits for the same call of all other ranks."""

    def __init__(self, rank, meeting):
        self.rank, self.size, self.meeting = rank, len(meeting.values), meeting
        self.calls = []

    def _exchange(self, call, value):
        self.calls.append(call)
        self.meeting.values[self.rank] = (call, value)
        self.meeting.barrier.wait()
        values = list(self.meeting.values)
        self.meeting.barrier.wait()
        assert {other for other, _ in values} == {call}, "ranks must be at the same place"
        return [value for _, value in values]

    def exchange(self, value):
        return self._exchange("exchange", value)

    def meet(self, numbers):
        numbers[...] = sum(self._exchange("meet", numbers.copy()))

    def add_up(self, array):
        array[...] = sum(self._exchange("add_up", array.copy()))


def run_ranks(size, work):
    """What `work(job)` returns in each rank, or the exception that it ends with."""
    meeting = Meeting(size)

    def run(rank):
        job = Job(ThreadCommunicator(rank, meeting))
        try:
            return job.run(lambda: work(job))
        except BaseException as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size)))
