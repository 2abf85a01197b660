"""The five rules of an op, for every case of the table."""

from itertools import chain

import numpy as np
import pytest

import tolerances
from capstone.inputs import signed
from cases import OP_CASES, params
from unit.closeness import distance
from unit.saved import arrays_in

OPS = pytest.mark.parametrize("case", params(OP_CASES))
ARGUMENTS = pytest.mark.parametrize(
    ("case", "index"),
    [
        pytest.param(case, index, id=f"{case.id}-{index}")
        for case in OP_CASES
        for index, value in enumerate(case.inputs())
        if value.dtype.kind == "f"
    ],
)


def upstream(case, y):
    """A signed array of the shape and dtype of the output."""
    drawn = signed(np.random.default_rng(case.seed + 2), *np.shape(y))
    return drawn.astype(y.dtype)


def run(case, inputs):
    """`(y, saved, dy, grads)`."""
    forward, backward = case.passes()
    y, saved = forward(*inputs, **case.options)
    dy = upstream(case, y)
    return y, saved, dy, backward(dy, saved)


def differentiable(inputs):
    return [value for value in inputs if value.dtype.kind in "fc"]


def inexact(arrays):
    return [array for array in arrays if array.dtype.kind in "fc"]


@OPS
def test_saved_values_have_names(case):
    _, saved, _, _ = run(case, case.inputs())
    assert isinstance(saved, tuple)
    assert type(saved).__name__.endswith("Saved")
    assert saved._fields


@OPS
def test_gradients_are_a_tuple_with_one_for_each_differentiable_argument(case):
    inputs = case.inputs()
    *_, grads = run(case, inputs)
    assert type(grads) is tuple
    assert [grad.shape for grad in grads] == [value.shape for value in differentiable(inputs)]


@OPS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_that_goes_in_is_the_only_one_that_comes_out(case, dtype):
    y, saved, _, grads = run(case, case.inputs(dtype))
    made = inexact(chain([y], arrays_in(saved), grads))
    assert {array.dtype for array in made} == {np.dtype(dtype)}


@OPS
@pytest.mark.parametrize(("real", "dtype"), [("f4", np.complex64), ("f8", np.complex128)])
def test_complex_numbers_stay_complex_and_of_their_precision(case, real, dtype):
    inputs = [v.astype(dtype) if v.dtype.kind == "f" else v for v in case.inputs()]
    y, saved, _, grads = run(case, inputs)
    assert {array.dtype for array in (y, *grads)} == {np.dtype(dtype)}
    # a rotation is a table of real numbers whatever it rotates
    assert {array.dtype for array in inexact(arrays_in(saved))} <= {np.dtype(dtype), np.dtype(real)}


@OPS
def test_read_only_arrays_are_welcome(case):
    inputs = case.inputs()
    forward, backward = case.passes()
    for value in inputs:
        value.flags.writeable = False
    y, saved = forward(*inputs, **case.options)
    dy = upstream(case, y)
    for array in (dy, *arrays_in(saved)):
        array.flags.writeable = False
    *_, wanted = run(case, case.inputs())
    for got, same in zip(backward(dy, saved), wanted, strict=True):
        np.testing.assert_array_equal(got, same)


@OPS
def test_arguments_are_not_written_to(case):
    inputs = case.inputs()
    _, _, dy, _ = run(case, inputs)
    np.testing.assert_array_equal(dy, upstream(case, dy))
    for got, same in zip(inputs, case.inputs(), strict=True):
        np.testing.assert_array_equal(got, same)


@OPS
def test_saved_values_are_not_written_to(case):
    forward, backward = case.passes()
    y, saved = forward(*case.inputs(), **case.options)
    before = [array.copy() for array in arrays_in(saved)]
    backward(upstream(case, y), saved)
    for got, same in zip(arrays_in(saved), before, strict=True):
        np.testing.assert_array_equal(got, same)


@OPS
def test_backward_twice_gives_the_same_bits(case):
    _, saved, dy, first = run(case, case.inputs())
    _, backward = case.passes()
    for got, same in zip(backward(dy, saved), first, strict=True):
        np.testing.assert_array_equal(got, same)


@ARGUMENTS
def test_leading_axes_on_an_argument_equal_a_loop(case, index):
    forward, _ = case.passes()
    inputs = list(case.inputs())
    value = inputs[index]
    variants = value + np.random.default_rng(case.seed).standard_normal((3, *value.shape))
    looped = []
    for variant in variants:
        inputs[index] = variant
        looped.append(forward(*inputs, **case.options)[0])
    wanted = np.stack(looped)  # (3, *y.shape)

    depth = max(wanted.ndim - 1, *(v.ndim for v in inputs))
    inputs[index] = variants.reshape(3, *(1,) * (depth - value.ndim), *value.shape)
    together, _ = forward(*inputs, **case.options)
    assert distance(together.reshape(wanted.shape), wanted) <= tolerances.OTHER_ORDER
