"""What all subjects share: read-only arguments, and gradients sorted by argument."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck.subjects.subject import (
    ContractBrokenError,
    frozen,
    one_each,
    stacked_values,
)

X, K = frozen("x", np.ones(3)), frozen("k", np.arange(3))


def test_an_argument_is_a_read_only_copy() -> None:
    own = np.ones(3)
    argument = frozen("x", own)
    own[0] = 7
    assert argument.value[0] == 1
    assert not argument.value.flags.writeable


@pytest.mark.parametrize(
    ("value", "is_differentiable"), [(1.5, True), (np.float32(1), True), (3, False), (True, False)]
)
def test_floating_point_numbers_have_a_gradient(value, is_differentiable) -> None:
    assert frozen("x", value).is_differentiable is is_differentiable


def test_an_argument_can_be_declared_without_a_gradient() -> None:
    assert not frozen("x", 1.0, is_differentiable=False).is_differentiable


def test_a_coarser_format_counts() -> None:
    value = np.ones(3, np.float32)
    assert frozen("x", value).eps == np.finfo(np.float32).eps
    assert frozen("x", value, coarse_eps=0.0078125).eps == 0.0078125


def test_text_is_refused() -> None:
    with pytest.raises(UsageError, match=re.escape("check: x must be a numeric array: expected")):
        frozen("x", "words")


@pytest.mark.parametrize("grads", [[1, None], (1, None), [1], 1])
def test_gradients_may_come_with_or_without_those_of_integers(grads) -> None:
    assert one_each(grads, [X, K]) == [1]


def test_too_many_gradients_break_the_contract() -> None:
    words = "backward must return one gradient for each of x: expected 1, got 3"
    with pytest.raises(ContractBrokenError, match=words):
        one_each([1, 2, 3], [X, K])


def test_values_at_one_point_are_not_stacked() -> None:
    assert stacked_values([X.value, K.value], [X, K]) is None


def test_axes_that_only_broadcast_are_dropped() -> None:
    stack = np.zeros((4, 1, 1, 3))
    values = stacked_values([stack, K.value], [X, K])
    assert values is not None
    assert [value.shape for value in values] == [(4, 3), (3,)]
