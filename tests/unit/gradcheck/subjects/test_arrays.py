"""Arrays found inside whatever a forward pass saves."""

from dataclasses import dataclass

import numpy as np

from capstone.gradcheck.subjects.arrays import arrays_in, as_array


@dataclass
class Saved:
    x: object


def test_arrays_are_found_at_any_depth() -> None:
    a, b, c = np.zeros(1), np.zeros(2), np.zeros(3)
    found = arrays_in((a, [{"b": b}], Saved(c), "words", 3, None))
    assert [array.size for array in found] == [1, 2, 3]


def test_rows_of_unequal_length_are_no_array() -> None:
    assert as_array([[1, 2], [3]]) is None
