"""What every layer promises: one forward remembered, gradients added up, parameters found."""

import numpy as np
import pytest

from capstone.errors import BackwardOrderError
from capstone.inputs import signed
from capstone.layers import Embedding, Layer, RMSNorm
from capstone.layers.layer import read_only
from capstone.parameter import Parameter
from cases import LAYER_CASES, params
from unit.saved import arrays_in

LAYERS = pytest.mark.parametrize("case", params(LAYER_CASES))
COMPOSED = {"TransformerBlock": "FeedForward"}  # whose backward is the first to find nothing saved
SAVING = pytest.mark.parametrize(
    "case", params(case for case in LAYER_CASES if case.subject not in COMPOSED)
)


def run(case, layer):
    """`(dx, dy)` of one forward and one backward pass."""
    y = layer.forward(*case.inputs())
    dy = signed(np.random.default_rng(case.seed + 2), *y.shape)
    return layer.backward(dy), dy


class Pair(Layer):
    """Two layers, a list of layers, one shared gain, a parameter of its own, and what is none."""

    def __init__(self):
        self.first = RMSNorm(3)
        self.rest = [RMSNorm(3), RMSNorm(4)]
        self.scale = Parameter(np.ones(2))
        self.again = self.rest[1].gain
        self.label, self.widths = "no parameter", [3, 4]


@LAYERS
def test_backward_without_forward_raises(case):
    layer = case.layer()
    name = COMPOSED.get(case.subject, case.subject)
    message = (
        rf"^{name}\.backward: each backward needs a forward of its own before it: "
        r"expected one forward, got none since the last backward$"
    )
    with pytest.raises(BackwardOrderError, match=message):
        layer.backward(np.ones((2, 5, 12)))


@LAYERS
def test_second_backward_raises(case):
    layer = case.layer()
    _, dy = run(case, layer)
    with pytest.raises(BackwardOrderError, match=r"got none since the last backward$"):
        layer.backward(dy)


@LAYERS
def test_backward_is_of_the_last_forward(case):
    layer = case.layer()
    (x,) = case.inputs()
    layer.forward(x[::-1].copy())
    run(case, layer)
    fresh = case.layer()
    run(case, fresh)
    for got, wanted in zip(layer.parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(got.grad, wanted.grad)


@LAYERS
def test_gradients_add_up_over_two_passes(case):
    layer = case.layer()
    run(case, layer)
    once = [parameter.grad.copy() for parameter in layer.parameters()]
    run(case, layer)
    for parameter, grad in zip(layer.parameters(), once, strict=True):
        assert grad.any()
        np.testing.assert_array_equal(parameter.grad, 2 * grad)


@LAYERS
def test_gradients_are_added_in_the_array_that_is_there(case):
    layer = case.layer()
    arrays = [parameter.grad for parameter in layer.parameters()]
    run(case, layer)
    assert all(p.grad is grad for p, grad in zip(layer.parameters(), arrays, strict=True))


@LAYERS
def test_backward_leaves_the_weights_alone(case):
    layer = case.layer()
    run(case, layer)
    for got, wanted in zip(layer.parameters(), case.layer().parameters(), strict=True):
        np.testing.assert_array_equal(got.data, wanted.data)


@LAYERS
def test_the_gradient_of_the_input_has_its_shape(case):
    dx, _ = run(case, case.layer())
    (x,) = case.inputs()
    is_tokens = x.dtype.kind == "i"
    assert (dx is None) if is_tokens else (dx.shape == x.shape)


@LAYERS
def test_float32_layers_work_in_float32(case):
    layer = case.layer(np.float32)
    y = layer.forward(*case.inputs(np.float32))
    dx = layer.backward(np.ones_like(y))
    made = [y, *(p.grad for p in layer.parameters())] + ([] if dx is None else [dx])
    assert {array.dtype for array in made} == {np.dtype(np.float32)}


@LAYERS
def test_a_zeroed_gradient_stays_the_same_array(case):
    layer = case.layer()
    run(case, layer)
    arrays = [parameter.grad for parameter in layer.parameters()]
    layer.zero_grad()
    for parameter, array in zip(layer.parameters(), arrays, strict=True):
        assert parameter.grad is array
        assert not array.any()


@SAVING
def test_the_cache_cannot_be_written_to(case):
    layer = case.layer()
    layer.forward(*case.inputs())
    arrays = arrays_in(layer.cache)
    assert arrays
    assert not any(array.flags.writeable for array in arrays)


@SAVING
def test_the_cache_shows_what_the_forward_saved(case):
    layer = case.layer()
    assert layer.cache is None
    layer.forward(*case.inputs())
    assert type(layer.cache) is type(layer._saved)
    for shown, saved in zip(arrays_in(layer.cache), arrays_in(layer._saved), strict=True):
        assert np.shares_memory(shown, saved)


@SAVING
def test_the_cache_is_empty_after_backward(case):
    layer = case.layer()
    run(case, layer)
    assert layer.cache is None


def test_looking_at_the_cache_does_not_freeze_the_arrays_themselves():
    array = np.ones(3)
    assert not read_only(array).flags.writeable
    assert array.flags.writeable


def test_parameters_come_in_the_order_of_their_attributes_each_once():
    names = [name for name, _ in Pair().named_parameters()]
    assert names == ["first.gain", "rest.0.gain", "rest.1.gain", "scale"]


def test_a_prefix_stands_before_every_name():
    names = [name for name, _ in Pair().named_parameters("model.")]
    assert names == ["model.first.gain", "model.rest.0.gain", "model.rest.1.gain", "model.scale"]


def test_parameters_are_the_named_ones():
    layer = Pair()
    assert layer.parameters() == [parameter for _, parameter in layer.named_parameters()]


def test_a_shared_parameter_collects_both_gradients():
    first, second = RMSNorm(3, dtype=float), RMSNorm(3, dtype=float)
    second.gain = first.gain
    x = np.array([[1.0, -2.0, 3.0]])
    for layer in (first, second):
        layer.forward(x)
    first.backward(np.ones((1, 3)))
    alone = first.gain.grad.copy()
    second.backward(np.ones((1, 3)))
    np.testing.assert_array_equal(first.gain.grad, 2 * alone)


def test_two_instances_do_not_mix():
    one, other = Embedding(5, 2, dtype=float), Embedding(5, 2, dtype=float)
    one.forward(np.array([1]))
    other.forward(np.array([4]))
    one.backward(np.ones((1, 2)))
    assert one.weight.grad[1].tolist() == [1, 1]
    assert not other.weight.grad.any()


def test_a_forgotten_forward_is_gone_in_every_part():
    pair = Pair()
    parts = [pair.first, *pair.rest]
    for part in parts:
        part.forward(np.ones((2, *part.gain.data.shape), np.float32))
    pair.forget()
    assert [part.cache for part in parts] == [None] * 3
