"""The embedding and the head, alone and tied."""

import numpy as np
import pytest

import tolerances
from capstone.errors import UsageError
from capstone.layers import Embedding, Head
from capstone.parameter import Parameter


def test_a_token_is_answered_with_its_row():
    layer = Embedding(7, 3)
    np.testing.assert_array_equal(layer.forward(np.array([[6, 0]])), layer.weight.data[[[6, 0]]])


def test_tokens_have_no_gradient():
    layer = Embedding(7, 3)
    y = layer.forward(np.array([6, 0]))
    assert layer.backward(np.ones_like(y)) is None


def test_initial_entries_have_the_given_deviation():
    data = Embedding(300, 200, std=0.1).weight.data
    assert abs(data.std() / 0.1 - 1) <= tolerances.SAMPLE_MOMENT


def test_initial_entries_have_a_deviation_of_0_02_by_default():
    assert abs(Embedding(300, 200).weight.data.std() / 0.02 - 1) <= tolerances.SAMPLE_MOMENT


def test_a_logit_is_the_product_with_a_row_of_the_table():
    table = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, -1.0]])
    assert Head(Parameter(table)).forward(np.array([[1.0, 2.0]])).tolist() == [[1.0, 4.0, 1.0]]


def test_tied_layers_share_one_parameter():
    embedding = Embedding(7, 3)
    assert Head(embedding.weight).parameters() == embedding.parameters()


def test_a_tied_table_collects_both_gradients():
    embedding = Embedding(5, 2, dtype=float)
    head = Head(embedding.weight)
    x = embedding.forward(np.array([1, 1]))
    head.forward(x)
    dx = head.backward(np.ones((2, 5)))
    of_head = embedding.weight.grad.copy()
    np.testing.assert_array_equal(of_head, np.ones((2, 5)).T @ x)
    embedding.backward(dx)
    of_lookup = np.zeros((5, 2))
    of_lookup[1] = dx[0] + dx[1]
    np.testing.assert_array_equal(embedding.weight.grad, of_head + of_lookup)


@pytest.mark.parametrize("name", ["vocab_size", "d_model"])
@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_a_size_that_is_not_positive_is_named(name, size):
    sizes = {"vocab_size": 7, "d_model": 3, name: size}
    message = rf"^Embedding: {name} must be a positive integer: expected {name} >= 1, got {size!r}$"
    with pytest.raises(UsageError, match=message):
        Embedding(**sizes)


def test_a_token_out_of_range_is_named():
    with pytest.raises(UsageError, match=r"tokens out of range: expected 0 <= id < 7, got 7$"):
        Embedding(7, 3).forward(np.array([7]))
