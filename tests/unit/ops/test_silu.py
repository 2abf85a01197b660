"""SiLU: known values, and no overflow however large the input."""

import numpy as np
import pytest
from hypothesis import given

import tolerances
from capstone.errors import UsageError
from capstone.ops import silu_bwd, silu_fwd
from strategies import rows

MINIMUM = -0.2784645427610738  # of x * sigmoid(x), at x = -1.2784645427610738


def slope(x):
    _, saved = silu_fwd(x)
    return silu_bwd(np.ones_like(x), saved)[0]


def rounding(x):
    """What may be lost; below the smallest normal number there is no relative precision."""
    return tolerances.SIGMOID * np.abs(x) + np.finfo(x.dtype).tiny


@given(rows(30.0))
def test_it_is_x_times_the_sigmoid_of_x(x):
    y, _ = silu_fwd(x)
    assert (np.abs(y - x / (1 + np.exp(-x))) <= rounding(x)).all()


@given(rows(1e4))
def test_values_at_x_and_minus_x_differ_by_x(x):
    difference = silu_fwd(x)[0] - silu_fwd(-x)[0]
    assert (np.abs(difference - x) <= rounding(x)).all()


@given(rows(1e4, dtype=np.float32))
def test_float32_extremes_are_finite_and_above_the_minimum(x):
    y, _ = silu_fwd(x)
    assert np.isfinite(y).all()
    assert (y >= np.float32(MINIMUM) - tolerances.SIGMOID_FLOAT32 * (1 + np.abs(x))).all()


@given(rows(1e4, dtype=np.float32))
def test_float32_slopes_are_finite_and_within_their_bounds(x):
    dx = slope(x)
    assert np.isfinite(dx).all()
    assert (np.abs(dx - 0.5) <= 0.6).all()  # between -0.09984 and 1.09984


@pytest.mark.parametrize(("x", "wanted"), [(1e4, 1.0), (-1e4, 0.0), (0.0, 0.5)])
def test_far_away_the_gate_is_open_or_shut(x, wanted):
    at = np.array([x], dtype=np.float32)
    assert silu_fwd(at)[0].tolist() == [x * wanted]
    assert slope(at).tolist() == [wanted]


def test_the_slope_is_zero_at_the_minimum():
    at = np.array([-1.2784645427610738])
    assert abs(silu_fwd(at)[0][0] - MINIMUM) <= tolerances.SIGMOID
    assert abs(slope(at)[0]) <= tolerances.SIGMOID


def test_integers_are_rejected():
    message = (
        r"^silu_fwd: x must be a floating-point array: "
        r"expected a float or complex dtype, got int64$"
    )
    with pytest.raises(UsageError, match=message):
        silu_fwd(np.arange(3))
