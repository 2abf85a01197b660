"""Arrays found inside whatever a forward pass saves."""

from dataclasses import dataclass

import numpy as np

from capstone.gradcheck.subjects.arrays import arrays_in, as_array, has, loaded, tensors_library


@dataclass
class Saved:
    x: object


def test_arrays_are_found_at_any_depth() -> None:
    a, b, c = np.zeros(1), np.zeros(2), np.zeros(3)
    found = arrays_in((a, [{"b": b}], Saved(c), "words", 3, None))
    assert [array.size for array in found] == [1, 2, 3]


def test_rows_of_unequal_length_are_no_array() -> None:
    assert as_array([[1, 2], [3]]) is None


def test_a_container_that_holds_itself_ends_the_search() -> None:
    loop: list[object] = [np.zeros(1)]
    loop.append(loop)
    assert len(arrays_in(loop)) == 1


def test_a_library_that_nobody_imported_is_not_imported() -> None:
    assert loaded("a_library_that_is_not_there") is None
    assert loaded("numpy") is np


def test_the_library_of_an_array_is_its_module_or_its_package() -> None:
    assert tensors_library(np.zeros(1)) is np
    assert tensors_library(Saved(None)) is None


def test_arrays_are_found_inside_an_array_of_objects() -> None:
    held = np.zeros(3)
    assert arrays_in(np.array([held, None], dtype=object))[0] is held


class Guarded:
    @property
    def shape(self) -> object:
        raise ZeroDivisionError


def test_a_property_that_fails_is_not_there() -> None:
    assert not has(Guarded(), "shape")
