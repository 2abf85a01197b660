"""Audits: strong checks leave no survivor, weak ones are told which bug got through and why."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, audit
from unit.gradcheck.samples import draw

X, W = draw(3, 5), draw(5, seed=1)


def gate_fwd(x, w):
    return np.tanh(x) * w, (x, w)


def slope(x):
    return 1 - np.tanh(x) ** 2


def gate_bwd(dy, saved):
    x, w = saved
    return dy * w * slope(x), (dy * np.tanh(x)).sum(axis=0)


GATE = Op(gate_fwd, gate_bwd)


class Weight:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class Gate:
    def __init__(self):
        self.w = Weight(W)

    def parameters(self):
        return [self.w]

    def forward(self, x):
        y, self.saved = gate_fwd(x, self.w.data)
        return y

    def backward(self, grad_output):
        dx, dw = gate_bwd(grad_output, self.saved)
        self.w.grad += dw
        return dx


def test_a_strong_check_kills_every_bug():
    found = audit(GATE, X, W)
    assert found.survivors == []
    assert found.kill_rate == 1
    assert found.count("killed") > 15


def test_helpers_of_the_same_module_are_mutated_too():
    bugs = [outcome.bug for outcome in audit(GATE, X, W).outcomes]
    assert any(bug.startswith("slope, line ") for bug in bugs)
    assert not any(bug.startswith("gate_fwd") for bug in bugs)


def test_a_layer_is_mutated_in_copies():
    layer = Gate()
    found = audit(layer, X)
    words = [outcome.bug for outcome in found.outcomes]
    assert any("self.w.grad += dw -> self.w.grad = dw" in bug for bug in words)
    assert found.survivors == []
    assert type(layer) is Gate


def test_a_check_that_looks_away_is_told_what_it_lets_through():
    found = audit(GATE, X, W, wrt="x")
    assert found.survivors
    assert 0 < found.kill_rate < 1
    assert str(found).splitlines()[1].startswith("  survived     gate_bwd, line ")
    assert found.to_dict()["survived"] == len(found.survivors)


def test_a_mutant_that_gives_the_same_is_equivalent():
    def backward(dy, saved):
        dx, dw = gate_bwd(dy, saved)
        return dx.copy(), dw

    found = audit(Op(gate_fwd, backward), X, W)
    (copied,) = [outcome for outcome in found.outcomes if outcome.bug.endswith("dx.copy() -> dx")]
    assert copied.verdict == "equivalent"


def test_closures_are_mutated_with_what_they_close_over():
    scale = 1.5

    def backward(dy, x):
        return dy * scale * slope(x)

    found = audit(Op(lambda x: (scale * np.tanh(x), x), backward), X)
    assert found.survivors == []
    assert found.count("killed") > 4


def test_a_wrong_gradient_is_refused():
    rule = "check: the gradient of gate must be right before bugs are planted"
    with pytest.raises(UsageError, match=rule):
        audit(Op(gate_fwd, lambda dy, saved: (dy, dy[0])), X, W)


def test_without_source_there_is_nothing_to_plant():
    rule = "check: the source of a backward pass is needed to plant bugs in it"
    with pytest.raises(UsageError, match=rule):
        audit(Op(lambda x: (x * x / 2, x), np.multiply), X)
