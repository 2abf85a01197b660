"""Audits: strong checks leave no survivor, weak ones are told which bug got through and why."""

import functools

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
    rule = "audit: the gradient of gate must be right before bugs are planted"
    with pytest.raises(UsageError, match=rule):
        audit(Op(gate_fwd, lambda dy, saved: (dy, dy[0])), X, W)


def test_without_source_the_returned_gradients_are_spoiled():
    found = audit(Op(lambda x: (x * x / 2, x), np.multiply), X)
    assert found.planted_in == "returned gradients"
    assert found.survivors == []
    assert found.count("killed") > 10


def with_callback(x, w):
    y, saved = gate_fwd(x, w)

    def backprop(dy):
        return gate_bwd(dy, saved)[0], (dy * np.tanh(x)).sum(axis=0)

    return y, backprop


def cubic_slope(x, scale):
    return 3 * scale * x**2


@pytest.mark.parametrize(
    ("subject", "inputs", "options"),
    [
        (np.tanh, (X,), {"backward": lambda dy, x: dy * slope(x)}),
        (with_callback, (X, W), {}),
        (lambda x, scale: scale * float((x**3).sum()), (W, 1.5), {"gradient": cubic_slope}),
        (lambda x: (float((x**3).sum()), 3 * x**2), (W,), {"gradient": True}),
    ],
    ids=["backward", "callback", "gradient", "pair"],
)
def test_whatever_can_be_checked_can_be_audited(subject, inputs, options):
    found = audit(subject, *inputs, **options)
    assert found.kill_rate == 1
    assert found.count("killed") > 5


def test_the_source_of_a_callback_is_mutated_and_not_its_forward_pass():
    found = audit(with_callback, X, W)
    assert found.planted_in == "source"
    assert any("dy * np.tanh(x) -> dy" in outcome.bug for outcome in found.outcomes)
    assert not any("return (y, backprop)" in outcome.bug for outcome in found.outcomes)


class Halved(Gate):
    """Its backward pass is two methods."""

    def backward(self, grad_output):
        return self._finish(*gate_bwd(grad_output, self.saved))

    def _finish(self, dx, dw):
        self.w.grad += dw
        return dx


def test_methods_that_backward_calls_are_mutated_too():
    bugs = [outcome.bug for outcome in audit(Halved(), X).outcomes]
    assert "_finish, line 2: self.w.grad += dw -> nothing" in bugs


class Private(Gate):
    """With a name that only its own class can say."""

    def forward(self, x):
        y, self.__saved = gate_fwd(x, self.w.data)
        return y

    def backward(self, grad_output):
        dx, dw = gate_bwd(grad_output, self.__saved)
        self.w.grad += dw
        return dx


def test_private_names_stay_those_of_the_class():
    found = audit(Private(), X)
    assert (found.planted_in, found.survivors) == ("source", [])


def doubled(function):
    """A decorator without which the gradient is wrong."""

    @functools.wraps(function)
    def run(dy, saved):
        return 2 * function(dy, saved)

    return run


@doubled
def decorated_bwd(dy, x):
    return dy * slope(x) / 2


def test_a_source_that_is_not_the_whole_backward_pass_is_left_alone():
    found = audit(Op(lambda x: (np.tanh(x), x), decorated_bwd), X)
    assert found.planted_in == "returned gradients"
    assert found.survivors == []


def test_an_error_below_what_the_check_can_tell_is_hidden_and_no_survivor():
    found = audit(Op(lambda x: (x * x / 2, x), np.multiply), X.astype(np.float32))
    (hidden,) = found.of("hidden")
    assert hidden.bug == "d(x): one entry off by 1e-06 of itself"
    assert hidden.why.startswith("the check says itself: would have caught ")
    assert found.kill_rate == 1


def ids_bwd(dy, saved):
    ids, count = saved
    dtable = np.zeros((count, dy.shape[-1]))
    np.add.at(dtable, ids, dy)
    return (dtable,)


TAKE = Op(lambda ids, table: (table[ids], (ids, len(table))), ids_bwd, name="take")


def test_a_survivor_is_told_which_inputs_would_kill_it():
    found = audit(TAKE, np.array([2, 0, 1]), draw(4, 5))
    (survivor,) = found.survivors
    assert survivor.bug.endswith("np.add.at(dtable, ids, dy) -> dtable[ids] += dy")
    assert survivor.why == "no difference here; killed by repeated integers"


def mean_bwd(dy, x):
    return np.repeat(dy / len(x), len(x), axis=0)


def test_a_batch_of_one_is_told_so():
    op = Op(lambda x: (x.mean(axis=0, keepdims=True), x), mean_bwd)
    words = [outcome.why for outcome in audit(op, draw(1, 5)).survivors]
    assert any("killed by 3 entries along axis 0 in place of 1" in one for one in words)


def test_an_argument_that_was_left_out_is_named_as_the_remedy():
    words = [outcome.why for outcome in audit(GATE, X, W, wrt="x").survivors]
    assert all(one.endswith("killed by comparing all arguments, without wrt") for one in words)
