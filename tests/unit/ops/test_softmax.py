"""Softmax: distributions over what is visible, and gradients that move no mass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import softmax_bwd, softmax_fwd
from strategies import generators, hidden_rows, rows, whole_rows

HUGE = 2.0**100  # the difference of two is finite in float32


@given(rows(HUGE))
def test_rows_sum_to_one(x):
    y, _ = softmax_fwd(x)
    assert (y >= 0).all()
    assert np.abs(y.sum(axis=-1) - 1).max() <= tolerances.PROBABILITY_SUM


@given(rows(HUGE, dtype=np.float32))
def test_rows_sum_to_one_in_float32(x):
    y, _ = softmax_fwd(x)
    assert np.abs(y.sum(axis=-1) - 1).max() <= tolerances.PROBABILITY_SUM_FLOAT32


def test_odds_are_the_exponential_of_differences():
    y, _ = softmax_fwd(np.log([[1.0, 3.0, 4.0]]))
    assert np.abs(y - [[1 / 8, 3 / 8, 4 / 8]]).max() <= tolerances.ROW_SUM


@given(hidden_rows())
def test_hidden_entries_are_zero_and_visible_ones_sum_to_one(drawn):
    x, hidden = drawn
    y, _ = softmax_fwd(x, hidden=hidden)
    assert not y[hidden].any()
    wanted = np.where(hidden.all(axis=-1), 0, 1)
    assert np.abs(y.sum(axis=-1) - wanted).max() <= tolerances.PROBABILITY_SUM


@given(hidden_rows(), st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))
def test_what_is_hidden_has_no_influence(drawn, garbage):
    x, hidden = drawn
    y, _ = softmax_fwd(x, hidden=hidden)
    y_garbage, _ = softmax_fwd(np.where(hidden, garbage, x), hidden=hidden)
    np.testing.assert_array_equal(y_garbage, y)


def test_a_mask_broadcasts_over_leading_axes():
    y, _ = softmax_fwd(np.zeros((2, 3, 4)), hidden=np.array([False, True, True, False]))
    assert (y == [0.5, 0, 0, 0.5]).all()


def test_a_row_of_minus_infinity_counts_as_hidden():
    y, _ = softmax_fwd(np.array([[-np.inf, -np.inf], [0.0, -np.inf]]))
    assert y.tolist() == [[0, 0], [1, 0]]


@given(whole_rows(1000), st.integers(-(10**6), 10**6))
def test_a_shift_of_all_entries_changes_nothing(x, shift):
    np.testing.assert_array_equal(softmax_fwd(x + shift)[0], softmax_fwd(x)[0])


@given(hidden_rows(), generators)
def test_rows_of_the_gradient_sum_to_zero(drawn, rng):
    x, hidden = drawn
    y, saved = softmax_fwd(x, hidden=hidden)
    dy = rng.standard_normal(x.shape)
    (dx,) = softmax_bwd(dy, saved)
    mass = np.abs(dy * y).sum(axis=-1)
    assert (np.abs(dx.sum(axis=-1)) <= tolerances.ROW_SUM * mass).all()


@given(hidden_rows(), generators)
def test_hidden_entries_get_no_gradient(drawn, rng):
    x, hidden = drawn
    _, saved = softmax_fwd(x, hidden=hidden)
    (dx,) = softmax_bwd(rng.standard_normal(x.shape), saved)
    assert not dx[hidden].any()


@given(rows(5.0), st.integers(-8, 8))
def test_an_upstream_gradient_that_is_equal_everywhere_moves_nothing(x, level):
    _, saved = softmax_fwd(x)
    (dx,) = softmax_bwd(np.full_like(x, level), saved)
    assert np.abs(dx).max() <= tolerances.ROW_SUM * abs(level)


def test_integers_are_rejected():
    message = (
        r"^softmax_fwd: x must be a floating-point array: "
        r"expected a float or complex dtype, got int64$"
    )
    with pytest.raises(UsageError, match=message):
        softmax_fwd(np.arange(3))
