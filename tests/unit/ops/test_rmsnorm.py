"""RMSNorm: rows of size 1 whatever their scale, and no division by zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import rmsnorm_bwd, rmsnorm_fwd
from strategies import generators, lengths

SMALL_EPS = 2.0**20  # rows of this size: eps = 1e-5 is lost beside their mean square of 2**40


@given(generators, lengths, lengths, st.floats(1e3, 1e6))
def test_rows_have_a_root_mean_square_of_one(rng, T, D, scale):
    x = rng.choice([-1.0, 1.0], (T, D)) * rng.uniform(0.5, 2.0, (T, D)) * scale
    y, _ = rmsnorm_fwd(x, np.ones(D))
    mean_square = (y * y).mean(axis=-1)
    assert np.abs(mean_square - 1).max() <= tolerances.NORMALIZED_ROW


@given(generators, lengths, lengths, st.integers(1, 40))
def test_the_scale_of_a_large_row_does_not_matter(rng, T, D, exponent):
    x = rng.choice([-1.0, 1.0], (T, D)) * rng.uniform(1.0, 2.0, (T, D)) * SMALL_EPS
    gain, dy = rng.standard_normal(D), rng.standard_normal((T, D))
    y, saved = rmsnorm_fwd(x, gain)
    y_scaled, saved_scaled = rmsnorm_fwd(x * 2.0**exponent, gain)
    np.testing.assert_array_equal(y_scaled, y)
    dx, dgain = rmsnorm_bwd(dy, saved)
    dx_scaled, dgain_scaled = rmsnorm_bwd(dy, saved_scaled)
    np.testing.assert_array_equal(dx_scaled * 2.0**exponent, dx)
    np.testing.assert_array_equal(dgain_scaled, dgain)


@given(generators, lengths, st.integers(2, 6))
def test_no_gradient_points_along_a_large_row(rng, T, D):
    x = rng.choice([-1.0, 1.0], (T, D)) * rng.uniform(1.0, 2.0, (T, D)) * SMALL_EPS
    dy = rng.standard_normal((T, D))
    dx, _ = rmsnorm_bwd(dy, rmsnorm_fwd(x, np.ones(D))[1])
    along = np.abs((dx * x).sum(axis=-1))
    assert (along <= tolerances.ROW_SUM * np.abs(dy).sum(axis=-1) * np.sqrt(D)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_of_zeros_stays_zero_and_has_a_finite_gradient(dtype):
    y, saved = rmsnorm_fwd(np.zeros((2, 3), dtype), np.ones(3, dtype), eps=0.25)
    dx, dgain = rmsnorm_bwd(np.ones((2, 3), dtype), saved)
    assert not y.any()
    assert dx.tolist() == [[2, 2, 2], [2, 2, 2]]  # 1 / sqrt(eps)
    assert not dgain.any()


def test_eps_is_added_to_the_mean_square():
    y, _ = rmsnorm_fwd(np.array([[2.0, -2.0]]), np.array([1.0, 3.0]), eps=12.0)
    assert y.tolist() == [[0.5, -1.5]]  # the root of 4 + 12 is 4


def test_the_default_eps_keeps_a_small_row_small():
    y, _ = rmsnorm_fwd(np.array([[1e-6, -1e-6]]), np.ones(2))
    assert np.abs(y).max() < tolerances.SMALL_ROW


def test_a_gain_that_does_not_fit_is_named():
    message = r"^rmsnorm_fwd: gain has the wrong shape: expected \(\.\.\., 5\), got \(4,\)$"
    with pytest.raises(UsageError, match=message):
        rmsnorm_fwd(np.ones((2, 5)), np.ones(4))


@pytest.mark.parametrize("name", ["x", "gain"])
def test_integers_are_rejected(name):
    arrays = {"x": np.ones((2, 5)), "gain": np.ones(5)}
    arrays[name] = arrays[name].astype(np.int64)
    message = rf"^rmsnorm_fwd: {name} must be a floating-point array: .*, got int64$"
    with pytest.raises(UsageError, match=message):
        rmsnorm_fwd(**arrays)
