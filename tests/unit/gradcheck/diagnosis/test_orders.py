"""Orders of the slices along an axis."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis.orders import readings


def test_an_axis_of_two_is_read_in_the_other_order() -> None:
    words, read = next(iter(readings(6, 1)))
    assert words == "with axis 1 read as 2 x 3 for 3 x 2"
    assert read(np.arange(12).reshape(2, 6)).tolist() == [[0, 3, 1, 4, 2, 5], [6, 9, 7, 10, 8, 11]]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_prime_axis_has_one_reading(size: int) -> None:
    assert list(readings(size, 0)) == []
