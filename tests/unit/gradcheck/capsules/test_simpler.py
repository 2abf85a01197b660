"""Simpler numbers in the place of given ones."""

import numpy as np

from capstone.gradcheck.capsules.simpler import simpler_arrays, simpler_entries


def test_arrays_become_zeros_ones_whole_numbers_and_numbers_of_one_digit():
    found = [array.tolist() for array in simpler_arrays(np.array([2.34, -0.26]))]
    assert found == [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [2.0, -0.3]]


def test_nothing_is_simpler_than_zeros():
    assert list(simpler_arrays(np.zeros(3))) == []


def test_the_dtype_stays():
    for array in simpler_arrays(np.array([2.34, -0.26], np.float32)):
        assert array.dtype == np.float32


def test_whole_numbers_and_booleans_become_zero_or_one():
    assert [a.tolist() for a in simpler_arrays(np.array([3, 7]))] == [[0, 0], [1, 1]]
    assert [a.tolist() for a in simpler_arrays(np.array([True, True]))] == [[False, False]]


def test_no_zero_is_negative():
    signs = [np.signbit(array[array == 0]) for array in simpler_arrays(np.array([-0.2, 1.7]))]
    assert not any(sign.any() for sign in signs)


def test_an_entry_is_made_simpler_alone():
    array = np.array([[2.34, -0.26]])
    found = [changed.tolist() for changed in simpler_entries(array, 1)]
    assert found == [[[2.34, 0.0]], [[2.34, 1.0]], [[2.34, -0.3]]]
    assert array[0, 1] == -0.26
