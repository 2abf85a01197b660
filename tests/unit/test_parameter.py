"""A parameter, and how many of them come to lie in one piece of memory."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.parameter import Parameter, pack


@pytest.fixture
def parameters():
    """A vector, a matrix, a vector and a matrix, with numbers that tell them apart."""
    shapes = [(2,), (2, 3), (3,), (1, 2)]
    return [
        Parameter(np.full(shape, index, np.float32), np.full(shape, -index, np.float32))
        for index, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_starts_as_zeros_like_the_data(dtype):
    grad = Parameter(np.ones((2, 3), dtype)).grad
    assert grad.shape == (2, 3)
    assert grad.dtype == dtype
    assert not grad.any()


def test_neither_array_is_copied():
    data, grad = np.ones(3), np.ones(3)
    parameter = Parameter(data, grad)
    assert parameter.data is data
    assert parameter.grad is grad


def test_a_zeroed_gradient_stays_the_same_array():
    grad = np.ones(3)
    Parameter(np.ones(3), grad).zero_grad()
    assert grad.tolist() == [0, 0, 0]


def test_a_gradient_that_is_not_finite_can_be_zeroed():
    parameter = Parameter(np.ones(2), np.array([np.nan, np.inf]))
    parameter.zero_grad()
    assert parameter.grad.tolist() == [0, 0]


def test_a_misspelt_attribute_is_an_error():
    with pytest.raises(AttributeError):
        Parameter(np.ones(3)).gradient = np.zeros(3)


@pytest.mark.parametrize(("name", "shown"), [("", "unnamed"), ("blocks.0.wq", "blocks.0.wq")])
def test_its_text_gives_name_shape_and_dtype(name, shown):
    parameter = Parameter(np.ones((2, 3), np.float32), name=name)
    assert repr(parameter) == f"Parameter({shown}, shape=(2, 3), float32)"


def test_matrices_are_packed_first_and_keep_their_order(parameters):
    data, grad = pack(parameters)
    assert data.tolist() == [1] * 6 + [3] * 2 + [0] * 2 + [2] * 3
    assert grad.tolist() == (-data).tolist()


def test_packing_keeps_values_shapes_and_dtype(parameters):
    pack(parameters)
    assert [p.data.shape for p in parameters] == [(2,), (2, 3), (3,), (1, 2)]
    for index, parameter in enumerate(parameters):
        assert (parameter.data == index).all()
        assert (parameter.grad == -index).all()
        assert parameter.data.dtype == parameter.grad.dtype == np.float32


def test_packed_parameters_are_views_of_the_two_arrays(parameters):
    data, grad = pack(parameters)
    data += 10
    grad[:] = 7
    assert [float(p.data.flat[0]) for p in parameters] == [10, 11, 12, 13]
    assert all((p.grad == 7).all() for p in parameters)


@pytest.mark.parametrize(
    ("grad", "got"),
    [(np.zeros(2), r"float64 \(2,\)"), (np.zeros(3, np.float32), r"float32 \(3,\)")],
    ids=["shape", "dtype"],
)
def test_a_gradient_of_another_kind_is_rejected(grad, got):
    message = rf"^Parameter: grad must match data: expected float64 \(3,\), got {got}$"
    with pytest.raises(UsageError, match=message):
        Parameter(np.zeros(3), grad)
