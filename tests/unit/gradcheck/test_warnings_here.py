"""Warnings become errors, or nothing, in one thread and for a while."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from capstone.gradcheck.warnings_here import warnings_here


def test_the_action_is_taken_on_the_category_and_its_kinds() -> None:
    with warnings_here("error", RuntimeWarning):
        with pytest.warns(UserWarning, match="other"):
            warnings.warn("other", stacklevel=1)
        with pytest.raises(RuntimeWarning):
            warnings.warn("this one", RuntimeWarning, stacklevel=1)


def test_everything_is_ignored_where_that_is_asked_for() -> None:
    with warnings_here("ignore"):
        warnings.warn("nobody hears it", stacklevel=1)


def test_the_inner_of_two_decides() -> None:
    with warnings_here("error"), warnings_here("ignore"):
        warnings.warn("nobody hears it", stacklevel=1)


def test_filters_are_as_before_even_after_an_error() -> None:
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), warnings_here("error"):
        raise ZeroDivisionError
    assert list(warnings.filters) == before


def test_other_threads_do_not_notice() -> None:
    inside, done = threading.Event(), threading.Event()

    def ignore() -> None:
        with warnings_here("ignore"):
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=ignore)
    thread.start()
    inside.wait(60)
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
    done.set()
    thread.join()


def test_many_threads_each_get_their_errors_and_leave_nothing_behind() -> None:
    before = list(warnings.filters)

    def is_error(number: int) -> bool:
        with warnings_here("error", np.exceptions.ComplexWarning):
            try:
                np.array([1j * number]).astype(float)
            except np.exceptions.ComplexWarning:
                return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_error, range(2000)))
    assert list(warnings.filters) == before
