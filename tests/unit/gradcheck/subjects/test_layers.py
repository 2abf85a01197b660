"""Layers as subjects: their own arrays come back, shared parameters count once."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Names, check
from unit.gradcheck.samples import Affine, draw, rules


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


class Forgetful(Affine):
    """Holds its arrays as attributes and lists no parameters."""

    def parameters(self):
        return []

    def __init__(self) -> None:
        self.w, self.b, self.n = draw(3, 4, seed=1), [draw(4, seed=2)], 3

    def forward(self, x):
        return x @ self.w + self.b[0]

    def backward(self, dy):
        return dy @ self.w.T


def test_a_layer_that_lists_no_parameters_is_warned_of() -> None:
    report = check(Forgetful(), draw(2, 3))
    report.raise_if_wrong()
    assert "holds float arrays w, b that are no parameters: not checked" in report.warnings


def test_a_layer_that_lists_parameters_is_not() -> None:
    assert not check(Affine(), draw(2, 5, 3)).warnings


class Nameless:
    """Course code: arrays in dictionaries, gradients written anew."""

    def __init__(self) -> None:
        self.params, self.grads = {"W": draw(3, 4, seed=1), "b": draw(4, seed=2)}, {}

    def fprop(self, x):
        self.x = x
        return np.tanh(x @ self.params["W"] + self.params["b"])

    def bprop(self, dy):
        dh = dy * (1 - self.fprop(self.x) ** 2)
        self.grads["W"] = self.x.T @ dh
        self.grads["b"] = dh.sum(axis=0)
        return dh @ self.params["W"].T


NAMES = Names("fprop", "bprop", "params", grad="grads", accumulates=False)


def test_parameters_may_stand_in_a_dictionary() -> None:
    layer = Nameless()
    own = dict(layer.params)
    report = check(layer, draw(2, 3), names=NAMES)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "W", "b"]
    assert layer.params["W"] is own["W"]
    assert layer.grads == {}


def test_a_wrong_gradient_in_a_dictionary_is_found() -> None:
    class Bad(Nameless):
        def bprop(self, dy):
            dx = super().bprop(dy)
            self.grads["b"] = self.grads["b"] / 2
            return dx

    assert check(Bad(), draw(2, 3), names=NAMES).wrong_arguments == ["b"]


def test_a_missing_gradient_breaks_the_contract() -> None:
    class Bad(Nameless):
        def bprop(self, dy):
            dx = super().bprop(dy)
            del self.grads["b"]
            return dx

    report = check(Bad(), draw(2, 3), names=NAMES)
    assert [f.message for f in report.findings] == ["backward leaves no gradient for b"]


def test_gradients_that_are_written_anew_break_a_promise_to_add() -> None:
    layer = Nameless()
    layer.grads = {name: np.zeros_like(value) for name, value in layer.params.items()}
    names = Names("fprop", "bprop", "params", grad="grads")
    assert rules(check(layer, draw(2, 3), names=names)) == {"accumulate"}


class Listed(Nameless):
    """The same with lists."""

    def __init__(self) -> None:
        self.params, self.grads = [draw(3, 4, seed=1), draw(4, seed=2)], [None, None]

    def fprop(self, x):
        self.x = x
        return np.tanh(x @ self.params[0] + self.params[1])

    def bprop(self, dy):
        dh = dy * (1 - self.fprop(self.x) ** 2)
        self.grads[0], self.grads[1] = self.x.T @ dh, dh.sum(axis=0)
        return dh @ self.params[0].T


def test_parameters_may_stand_in_a_list() -> None:
    report = check(Listed(), draw(2, 3), names=NAMES)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "parameter0", "parameter1"]


class Attributes(Nameless):
    """The same with attributes."""

    def __init__(self) -> None:
        self.W, self.b = draw(3, 4, seed=1), draw(4, seed=2)

    def fprop(self, x):
        self.x = x
        return np.tanh(x @ self.W + self.b)

    def bprop(self, dy):
        dh = dy * (1 - self.fprop(self.x) ** 2)
        self.dW, self.db = self.x.T @ dh, dh.sum(axis=0)
        return dh @ self.W.T


def test_parameters_may_be_attributes_of_the_layer() -> None:
    names = Names("fprop", "bprop", ("W", "b"), grad="d{}", accumulates=False)
    report = check(Attributes(), draw(2, 3), names=names)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "W", "b"]


class Theano:
    """Parameter objects whose parts have other names, in a dictionary."""

    def __init__(self) -> None:
        self.params = {"w": SimpleNamespace(value=draw(3, 4, seed=1), d=np.zeros((3, 4)))}

    def fprop(self, x):
        self.x = x
        return x @ self.params["w"].value

    def bprop(self, dy):
        self.params["w"].d += self.x.T @ dy
        return dy @ self.params["w"].value.T


def test_parts_of_a_parameter_may_have_other_names() -> None:
    names = Names("fprop", "bprop", "params", "value", "d")
    report = check(Theano(), draw(2, 3), names=names)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "w"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (Names("fprop"), "check: Nameless must have its passes as methods: expected a method back"),
        (Names(backward="bprop"), "expected a method forward, got none"),
        (
            Names("fprop", "bprop", ("w",), "d{}"),
            "check: Nameless must list its parameters: expected objects with d{} and grad that can "
            "be set, got AttributeError",
        ),
        (Names("fprop", "bprop", "params", grad="grads"), "got KeyError: 'W'"),
    ],
)
def test_wrong_names_are_refused(names, words) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        check(Nameless(), draw(2, 3), names=names)
