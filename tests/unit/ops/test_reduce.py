"""Sums over leading axes, of rows, and of products along them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.ops.reduce import ONES_AT_ONCE, _ones, as_matrix, dot_rows, sum_leading, sum_rows
from strategies import generators, lengths, rows
from unit.closeness import distance


@given(generators, lengths, lengths, lengths, lengths)
def test_leading_axes_are_summed_and_the_last_ones_kept(rng, B, T, D, F):
    grad = rng.standard_normal((B, T, D, F))
    wanted = sum(grad[b, t] for b in range(B) for t in range(T))
    assert distance(sum_leading(grad, 2), wanted) <= tolerances.OTHER_ORDER
    assert sum_leading(grad, 1).shape == (F,)


@given(rows(1e3))
def test_a_gradient_without_leading_axes_is_copied(grad):
    total = sum_leading(grad, grad.ndim)
    np.testing.assert_array_equal(total, grad)
    assert not np.shares_memory(total, grad)


@given(rows(1e3), st.sampled_from([np.float32, np.float64, np.complex128]))
def test_the_dtype_stays(grad, dtype):
    assert sum_leading(grad.astype(dtype), 1).dtype == dtype


@given(generators, lengths, lengths, lengths)
def test_rows_are_multiplied_each_with_its_own(rng, B, T, D):
    x, y = rng.standard_normal((2, B, T, D)) + 1j * rng.standard_normal((2, B, T, D))
    products = dot_rows(x, y)
    assert products.shape == (B, T, 1)
    scale = (np.abs(x) * np.abs(y)).sum()
    error = np.abs(products[..., 0] - (x * y).sum(axis=-1)).max()
    assert error <= tolerances.OTHER_ORDER * scale


@given(generators, lengths, lengths, lengths)
def test_rows_are_added_up_each_by_itself(rng, B, T, D):
    x = rng.standard_normal((B, T, D)) + 1j * rng.standard_normal((B, T, D))
    sums = sum_rows(x)
    assert sums.shape == (B, T, 1)
    assert np.abs(sums[..., 0] - x.sum(axis=-1)).max() <= tolerances.OTHER_ORDER * np.abs(x).sum()


def test_rows_that_grow_need_new_ones_for_every_64_entries():
    _ones.cache_clear()
    for length in range(1, 3 * ONES_AT_ONCE + 1):
        assert sum_rows(np.ones((2, length))).tolist() == [[length]] * 2
    assert _ones.cache_info().misses == 3
    assert not _ones(ONES_AT_ONCE, np.dtype(float)).flags.writeable


@pytest.mark.parametrize("shape", [(4,), (3, 0), (0, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128])
def test_the_sums_are_of_the_dtype_of_the_rows(shape, dtype):
    sums = sum_rows(np.ones(shape, dtype))
    assert sums.dtype == dtype
    np.testing.assert_array_equal(sums, np.full((*shape[:-1], 1), shape[-1]))


@pytest.mark.parametrize("shape", [(4,), (3, 0), (0, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128])
def test_the_scalar_products_are_of_the_dtype_of_the_rows(shape, dtype):
    products = dot_rows(np.ones(shape, dtype), np.ones(shape, dtype))
    assert products.dtype == dtype
    np.testing.assert_array_equal(products, np.full((*shape[:-1], 1), shape[-1]))


def test_a_matrix_has_all_leading_axes_as_one():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert as_matrix(x).tolist() == x.reshape(6, 4).tolist()


def test_a_contiguous_array_is_not_copied():
    x = np.zeros((2, 3, 4))
    assert np.shares_memory(as_matrix(x), x)


def test_a_single_row_is_a_matrix_of_one():
    assert as_matrix(np.zeros(4)).shape == (1, 4)
