"""A check depends on its seed alone, whatever runs beside it, and leaves no trace."""

import random
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from unit.gradcheck.odd_things import Scale, failing, spoiled
from unit.gradcheck.samples import ABS, RELU, draw, product_bwd, product_fwd, sin_bwd, sin_fwd

SHORTEST_TURN = 1e-6  # seconds


def into_a_real_buffer(x: Any) -> tuple[Any, Any]:
    """Drops imaginary parts with a warning, so that the ladder takes over."""
    y = np.zeros(x.shape)
    y[...] = np.sin(x)
    return y, x


SUBJECTS: list[tuple[Any, ...]] = [
    (Op(sin_fwd, sin_bwd), draw(3, 4)),
    (Op(sin_fwd, lambda dy, x: dy), draw(3, 4)),
    (Op(into_a_real_buffer, sin_bwd), draw(3, 4)),
    (Op(into_a_real_buffer, lambda dy, x: dy.copy()), draw(3, 4)),
    (Op(product_fwd, product_bwd), draw(3, 4), draw(3, 4, seed=1)),
    (RELU, draw(4, 5)),
    (ABS, draw(4, 5)),
    (Scale(), draw(3, 4)),
    (spoiled(backward=lambda self, dy: dy), draw(3, 4)),
]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Eight threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SHORTEST_TURN)
    with ThreadPoolExecutor(8) as threads:
        yield threads
    sys.setswitchinterval(before)


def plain(number: int) -> dict[str, Any]:
    subject, *inputs = SUBJECTS[number % len(SUBJECTS)]
    report = check(subject, *inputs, seed=number, replay="again").to_dict()
    del report["seconds"]
    return report


def test_eight_threads_report_what_one_reports(pool: ThreadPoolExecutor) -> None:
    numbers = range(4 * len(SUBJECTS))
    alone = [plain(number) for number in numbers]
    assert list(pool.map(plain, numbers)) == alone


def test_the_same_subject_in_eight_threads_gives_one_report(pool: ThreadPoolExecutor) -> None:
    assert list(pool.map(plain, [7] * 16)) == [plain(7)] * 16


def traces() -> tuple[Any, ...]:
    """What belongs to the whole process."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - the old one is what is watched
    filters = list(warnings.filters)
    return kind, keys.tobytes(), rest, random.getstate(), np.geterr(), filters


def test_checks_leave_no_trace_in_the_process() -> None:
    before = traces()
    for number in range(len(SUBJECTS)):
        plain(number)
    assert traces() == before


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit()])
def test_checks_that_fail_leave_no_trace_in_the_process(error: BaseException) -> None:
    before = traces()
    with pytest.raises((UsageError, SystemExit)):
        check(Op(failing(error), sin_bwd), draw(3))
    with pytest.raises(UsageError):
        check(Op(into_a_real_buffer, sin_bwd), draw(3), method="complex")
    assert traces() == before


def test_checks_in_threads_leave_no_trace_in_the_process(pool: ThreadPoolExecutor) -> None:
    before = traces()
    list(pool.map(plain, range(4 * len(SUBJECTS))))
    assert traces() == before


def test_a_report_does_not_depend_on_the_state_of_numpy() -> None:
    first = plain(0)
    np.random.random()  # noqa: NPY002 - the global generator is what must not matter
    with np.errstate(all="raise"):
        assert plain(0) == first
