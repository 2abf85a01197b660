"""Taps do nothing outside of a session, and report to the session of their own thread inside."""

import threading

import numpy as np
import pytest

from capstone.gradcheck import check, tap, tap_grad
from capstone.gradcheck.localize import taps
from capstone.gradcheck.localize.taps import Session, tapped_by
from unit.gradcheck.localize.tapped_attention import INPUTS, attention
from unit.gradcheck.samples import draw

THINGS = [draw(3), None, "words", object(), 3, np.float64(2)]


@pytest.mark.parametrize("call", [tap, tap_grad])
@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_outside_of_a_check_the_very_object_comes_back(call, thing) -> None:
    assert call("name", thing) is thing


@pytest.mark.parametrize("call", [tap, tap_grad])
@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_a_session_that_only_records_hands_the_very_object_back(call, thing) -> None:
    with tapped_by(Session()):
        assert call("name", thing) is thing


def test_hits_of_one_name_are_numbered_and_met_again_from_the_last_to_the_first() -> None:
    session = Session()
    with tapped_by(session):
        for value in (1.0, 2.0):
            tap("s", value)
        for gradient in (20.0, 10.0):
            tap_grad("s", gradient)
    assert session.values == {"s": 1.0, "s #2": 2.0}
    assert session.gradients == {"s #2": 20.0, "s": 10.0}


def test_what_is_recorded_is_a_copy() -> None:
    session, value = Session(), np.zeros(3)
    with tapped_by(session):
        tap("s", value)
    value += 1
    assert not session.values["s"].any()


def test_a_moved_value_is_a_new_array() -> None:
    value = np.zeros(3)
    with tapped_by(Session(moves={"s": np.ones(3)})):
        np.testing.assert_array_equal(tap("s", value), 1)
    assert not value.any()


def test_a_complex_move_makes_a_complex_value() -> None:
    with tapped_by(Session(moves={"s": np.full((2, 1), 1j)})):
        assert tap("s", np.ones(3)).shape == (2, 3)
        assert tap("s", np.ones(3)).dtype == float  # the second hit is another tap


def test_sessions_nest() -> None:
    outer, inner = Session(), Session()
    with tapped_by(outer):
        with tapped_by(inner):
            tap("a", 1.0)
        tap("b", 1.0)
    assert list(inner.values) == ["a"]
    assert list(outer.values) == ["b"]


def test_a_session_ends_with_an_exception() -> None:
    session = Session()
    with pytest.raises(ZeroDivisionError), tapped_by(session):
        raise ZeroDivisionError
    tap("a", 1.0)
    assert not session.values


def test_other_threads_see_nothing_of_a_session() -> None:
    session = Session()
    with tapped_by(session):
        thread = threading.Thread(target=tap, args=("a", 1.0))
        thread.start()
        thread.join()
    assert not session.values


def test_a_check_within_a_tapped_pass_reports_to_nobody() -> None:
    session = Session()
    with tapped_by(session):
        check(attention(), *INPUTS).raise_if_wrong()
    assert not session.values


def test_a_right_subject_opens_no_session(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a session was opened")

    monkeypatch.setattr(taps.Session, "__init__", refuse)
    check(attention(), *INPUTS).raise_if_wrong()
