"""Layers as subjects: their own arrays come back, shared parameters count once."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import check
from unit.gradcheck.samples import Affine, draw


class Failing(Affine):
    def forward(self, x):
        raise ValueError("no")


@pytest.mark.parametrize("kind", [Affine, Failing])
def test_own_arrays_are_restored(kind) -> None:
    layer = kind()
    data, grad = layer.w.data, np.ones((3, 4))
    layer.w.grad, before = grad, data.copy()
    if kind is Failing:
        with pytest.raises(UsageError, match="expected an output, got ValueError: no"):
            check(layer, draw(2, 5, 3))
    else:
        check(layer, draw(2, 5, 3)).raise_if_wrong()
    assert layer.w.data is data
    assert layer.w.grad is grad
    np.testing.assert_array_equal(data, before)
    np.testing.assert_array_equal(grad, 1)


class Tied(Affine):
    def parameters(self):
        return [self.w, self.w]

    def forward(self, x):
        self.x, self.h = x, x @ self.w.data
        return self.h @ self.w.data.T

    def backward(self, dy):
        dh = dy @ self.w.data
        self.add(self.w, dy.reshape(-1, 3).T @ self.h.reshape(-1, 4))
        self.add(self.w, self.x.reshape(-1, 3).T @ dh.reshape(-1, 4))
        return dh @ self.w.data.T


def test_parameter_that_is_listed_twice_counts_once() -> None:
    report = check(Tied(), draw(2, 5, 3))
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "w"]


def test_parameters_may_be_an_attribute() -> None:
    layer = Affine()
    layer.parameters = [layer.w, layer.b]
    check(layer, draw(2, 5, 3)).raise_if_wrong()


@pytest.mark.parametrize("parameters", [[3], 3, ["w"]])
def test_parameters_without_data_are_refused(parameters) -> None:
    layer = Affine()
    layer.parameters = parameters
    words = "check: Affine must list its parameters: expected objects with data and grad"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(layer, draw(2, 5, 3))
