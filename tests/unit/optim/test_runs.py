"""Merging: the fewest runs, nothing lost, nothing that is not adjacent joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstone.errors import UsageError
from capstone.optim.runs import BLOCK, BoundParameters, blocks, merge_adjacent
from capstone.parameter import Parameter


def packed(*shapes, grad_order=None):
    """Parameters whose values lie in one array in the given order, gradients in another."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    stops = np.cumsum(sizes)
    data, grad = np.arange(stops[-1], dtype=float), np.arange(stops[-1], dtype=float)
    pieces = [slice(stop - size, stop) for size, stop in zip(sizes, stops, strict=True)]
    order = grad_order or range(len(shapes))
    return [
        Parameter(data[pieces[i]].reshape(shapes[i]), grad[pieces[j]].reshape(shapes[i]))
        for i, j in enumerate(order)
    ]


def test_adjacent_parameters_become_one_run():
    (run,) = merge_adjacent(packed((2, 3), (4,), (5, 1)))
    assert np.array_equal(run.data, np.arange(15))
    assert np.array_equal(run.grad, np.arange(15))


def test_a_run_is_a_view():
    parameters = packed((2, 3), (4,))
    (run,) = merge_adjacent(parameters)
    run.data[...], run.grad[...] = 7.0, 8.0
    assert all((p.data == 7.0).all() and (p.grad == 8.0).all() for p in parameters)


def test_the_order_of_the_list_does_not_matter():
    (run,) = merge_adjacent(packed((2, 3), (4,), (5, 1))[::-1])
    assert np.array_equal(run.data, np.arange(15))


def test_a_gap_separates_runs():
    first, _, third = packed((2, 3), (4,), (5, 1))
    assert [run.data.size for run in merge_adjacent([first, third])] == [6, 5]


def test_gradients_in_another_order_prevent_merging():
    assert len(merge_adjacent(packed((3,), (3,), grad_order=[1, 0]))) == 2


def test_values_with_a_gap_prevent_merging():
    values = np.zeros(7)
    first, second = packed((3,), (3,))
    parameters = [Parameter(values[:3], first.grad), Parameter(values[4:], second.grad)]
    assert len(merge_adjacent(parameters)) == 2


def test_gradients_of_their_own_prevent_merging():
    parameters = [Parameter(p.data) for p in packed((3,), (3,))]
    assert len(merge_adjacent(parameters)) == 2


def test_separate_arrays_are_runs_of_their_own():
    assert len(merge_adjacent([Parameter(np.ones(3)), Parameter(np.ones(3))])) == 2


def test_different_dtypes_are_not_merged():
    memory, grads = np.zeros(16, dtype=np.uint8), np.zeros(16, dtype=np.uint8)
    parameters = [
        Parameter(memory[:8].view(np.float64), grads[:8].view(np.float64)),
        Parameter(memory[8:].view(np.float32), grads[8:].view(np.float32)),
    ]
    assert len(merge_adjacent(parameters)) == 2


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=8), st.data())
def test_runs_cover_the_chosen_entries_once(shapes, data):
    parameters = packed(*shapes)
    chosen = data.draw(st.lists(st.sampled_from(parameters), unique_by=id))
    covered = [entry for run in merge_adjacent(chosen) for entry in run.data.tolist()]
    assert covered == sorted(entry for p in chosen for entry in p.data.ravel().tolist())


@given(st.integers(0, 4 * BLOCK))
def test_blocks_cover_a_row_in_order(size):
    covered = [(block.start, block.stop) for block in blocks(size)]
    assert [start for start, _ in covered] == list(range(0, size, BLOCK))
    assert [stop for _, stop in covered] == [*range(BLOCK, size, BLOCK), size][: len(covered)]


def test_no_parameter_is_rejected():
    message = r"^Adam: there must be something to optimize: expected at least one parameter, got 0$"
    with pytest.raises(UsageError, match=message):
        BoundParameters("Adam", [])


def test_a_parameter_listed_twice_is_rejected():
    shared = Parameter(np.ones(3), name="wq")
    message = r"^Adam: a parameter is listed twice: expected every parameter once, got 'wq'$"
    with pytest.raises(UsageError, match=message):
        BoundParameters("Adam", [shared, Parameter(np.ones(3)), shared])


@pytest.mark.parametrize("dtype", [int, complex])
def test_numbers_that_are_not_real_floats_are_rejected(dtype):
    message = r"^Adam: parameters\[0\] must be real floating-point: expected a float dtype, got"
    with pytest.raises(UsageError, match=message):
        BoundParameters("Adam", [Parameter(np.ones(3, dtype=dtype))])


@pytest.mark.parametrize("grad", [np.ones(2), np.ones(3, dtype=np.float32)], ids=["shape", "dtype"])
def test_a_gradient_of_another_kind_is_rejected(grad):
    message = r"^Adam: the gradient of 'w' must match its data: expected float64 \(3,\), got float"
    parameter = Parameter(np.ones(3), name="w")
    parameter.grad = grad
    with pytest.raises(UsageError, match=message):
        BoundParameters("Adam", [parameter])


def test_strided_arrays_are_rejected():
    message = r"^Adam: 'w' must lie in one piece of memory: .* got strided ones; use np.asc"
    with pytest.raises(UsageError, match=message):
        BoundParameters("Adam", [Parameter(np.ones((3, 2)).T, name="w")])
