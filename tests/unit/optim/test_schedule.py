"""The shape of the schedule: up in equal strides, exactly to the peak, exactly to the minimum."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.optim import WarmupCosine, warmup_cosine

SCHEDULE = {"peak_lr": 1.0, "min_lr": 0.1, "warmup_steps": 4, "total_steps": 11}


@st.composite
def schedules(draw):
    warmup_steps = draw(st.integers(0, 20))
    min_lr = draw(st.floats(0.0, 0.1))
    return {
        "peak_lr": draw(st.floats(0.2, 1.0)),
        "min_lr": min_lr,
        "warmup_steps": warmup_steps,
        "total_steps": warmup_steps + draw(st.integers(2, 50)),
    }


def rates(schedule):
    return [warmup_cosine(step, **schedule) for step in range(schedule["total_steps"])]


@given(schedules())
@example(SCHEDULE | {"peak_lr": 0.21, "min_lr": 0.015})  # min + (peak - min) != peak
def test_the_peak_is_reached_exactly_at_the_end_of_the_warm_up(schedule):
    assert rates(schedule)[schedule["warmup_steps"]] == schedule["peak_lr"]


@given(schedules(), st.integers(0, 100))
def test_the_last_step_and_all_beyond_are_exactly_at_the_minimum(schedule, beyond):
    step = schedule["total_steps"] - 1 + beyond
    assert warmup_cosine(step, **schedule) == schedule["min_lr"]


@given(schedules())
def test_the_warm_up_climbs_to_the_peak_in_equal_strides(schedule):
    n, peak = schedule["warmup_steps"], schedule["peak_lr"]
    climb = [0.0, *rates(schedule)[: n + 1]]
    strides = [after - before for before, after in pairwise(climb)]
    assert max(abs(s - peak / (n + 1)) for s in strides) <= tolerances.SCHEDULE_RATE * peak


@given(schedules())
def test_the_rate_only_falls_after_the_peak(schedule):
    tail = rates(schedule)[schedule["warmup_steps"] :]
    assert all(after < before for before, after in pairwise(tail))


def test_the_first_step_of_a_warm_up_is_below_the_peak():
    assert warmup_cosine(0, **SCHEDULE | {"warmup_steps": 1}) == 0.5


def test_without_a_warm_up_the_first_step_is_at_the_peak():
    assert warmup_cosine(0, **SCHEDULE | {"warmup_steps": 0}) == 1.0


def test_half_way_down_the_rate_is_half_way():
    assert abs(warmup_cosine(7, **SCHEDULE) - 0.55) <= tolerances.SCHEDULE_RATE


def test_a_run_of_one_step_is_at_the_minimum():
    assert rates({"peak_lr": 1.0, "min_lr": 0.1, "warmup_steps": 0, "total_steps": 1}) == [0.1]


def test_making_a_schedule_sets_the_rate_of_the_first_step():
    optimizer = SimpleNamespace(lr=9.0)
    WarmupCosine(optimizer, **SCHEDULE)
    assert optimizer.lr == warmup_cosine(0, **SCHEDULE)


def test_stepping_follows_the_schedule_and_stays_at_the_minimum():
    optimizer = SimpleNamespace(lr=9.0)
    schedule = WarmupCosine(optimizer, **SCHEDULE)
    seen = []
    for _ in range(13):
        seen.append(optimizer.lr)
        schedule.step()
    assert seen == [*rates(SCHEDULE), 0.1, 0.1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"total_steps": 0}, r"total_steps must be a positive integer: .* got 0"),
        ({"warmup_steps": -1}, r"warmup_steps must be a non-negative integer: .* got -1"),
        ({"peak_lr": -1.0}, r"peak_lr must lie in \[0.0, inf\]: .* got -1.0"),
        ({"min_lr": 2.0}, r"min_lr must lie in \[0.0, 1.0\]: .* got 2.0"),
        (
            {"warmup_steps": 10},
            r"the warm-up must leave a step for the peak and one for the minimum: "
            r"expected warmup_steps <= 9, got 10; warm up for fewer steps or train for more",
        ),
    ],
)
def test_bad_settings_are_rejected_when_the_schedule_is_made(changes, message):
    with pytest.raises(UsageError, match=rf"^warmup_cosine: {message}$"):
        WarmupCosine(SimpleNamespace(lr=9.0), **SCHEDULE | changes)


def test_a_negative_step_is_rejected():
    with pytest.raises(UsageError, match=r"step must be a non-negative integer: .* got -1$"):
        warmup_cosine(-1, **SCHEDULE)
