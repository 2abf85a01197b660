"""Which entries stand for a large gradient."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis.sample import grid_of


@pytest.mark.parametrize("shape", [(), (7,), (1000,), (53, 71), (2, 3, 50, 40), (1, 4000)])
def test_a_grid_has_at_most_so_many_entries(shape: tuple[int, ...]) -> None:
    assert 1 <= np.prod([len(indices) for indices in grid_of(shape, 200)]) <= 200


def test_a_grid_has_different_indices_and_both_ends() -> None:
    for indices, size in zip(grid_of((53, 71), 200), (53, 71), strict=True):
        assert len(set(indices.tolist())) == len(indices) == 14
        assert (indices[0], indices[-1]) == (0, size - 1)


def test_a_small_array_is_its_own_grid() -> None:
    assert [indices.tolist() for indices in grid_of((2, 3), 200)] == [[0, 1], [0, 1, 2]]
