"""clip_grad_norm: the norm is right, never exceeded, and a NaN is named before anything moves."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tolerances
from capstone.errors import NonFiniteError, UsageError
from capstone.optim import clip_grad_norm
from capstone.optim.clip import NORM_EPSILON
from capstone.optim.runs import BLOCK
from capstone.parameter import Parameter

gradients = st.lists(
    arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e6, 1e6)), min_size=1, max_size=4
)


def with_gradients(*grads):
    return [Parameter(np.zeros_like(grad), grad) for grad in grads]


def exact_norm(params):
    return math.sqrt(math.fsum(float(g) ** 2 for p in params for g in p.grad.ravel()))


@given(gradients, st.floats(1e-3, 1e3))
def test_the_clipped_norm_never_exceeds_the_limit(grads, max_norm):
    params = with_gradients(*grads)
    clip_grad_norm(params, max_norm)
    assert exact_norm(params) <= max_norm * (1 + tolerances.CLIPPED_NORM_FLOAT64)


def test_the_clipped_float32_norm_never_exceeds_the_limit():
    rng = np.random.default_rng(0)
    params = with_gradients(*rng.standard_normal((3, 50, 40)).astype(np.float32))
    clip_grad_norm(params, 0.1)
    assert exact_norm(params) <= 0.1 * (1 + tolerances.CLIPPED_NORM_FLOAT32)


@given(gradients)
def test_the_norm_before_clipping_is_returned(grads):
    params = with_gradients(*grads)
    expected = exact_norm(params)
    norm = clip_grad_norm(params, 1.0)
    assert abs(norm - expected) <= tolerances.NORM_SUM * expected


def test_the_norm_of_a_long_float32_row_is_summed_in_float64():
    rng = np.random.default_rng(0)
    (parameter,) = with_gradients(rng.standard_normal(2 * BLOCK + 1).astype(np.float32))
    expected = exact_norm([parameter])
    norm = clip_grad_norm([parameter], math.inf)
    assert abs(norm - expected) <= tolerances.NORM_SUM * expected


def test_squares_beyond_float32_do_not_overflow():
    params = with_gradients(np.full(4, 1e30, dtype=np.float32))
    assert clip_grad_norm(params, math.inf) == 2 * float(np.float32(1e30))


def test_a_norm_within_the_limit_is_left_alone_bit_for_bit():
    params = with_gradients(np.array([3.0, 4.0]))
    assert clip_grad_norm(params, 5.1) == 5.0
    assert params[0].grad.tolist() == [3.0, 4.0]


def test_all_gradients_get_the_same_factor():
    params = with_gradients(np.array([[3.0]]), np.array([4.0]))
    clip_grad_norm(params, 1.0)
    factor = 1.0 / (5.0 + NORM_EPSILON)
    assert [float(p.grad.item()) for p in params] == [3.0 * factor, 4.0 * factor]


def test_clipping_writes_into_the_gradient():
    grad = np.array([3.0, 4.0], dtype=np.float32)
    params = with_gradients(grad)
    clip_grad_norm(params, np.float64(1.0))
    assert params[0].grad is grad
    assert grad[0] < 1.0


def test_a_gradient_that_is_no_row_of_memory_is_clipped_too():
    strided = np.array([[3.0, 4.0], [0.0, 0.0]]).T
    params = with_gradients(strided, np.zeros((0, 2)))
    assert clip_grad_norm(params, 1.0) == 5.0
    assert strided[1, 0] == params[0].grad[1, 0] < 1.0


@pytest.mark.parametrize("max_norm", [0.1, 1e9])
def test_in_threads_the_bits_are_the_same(monkeypatch, max_norm):
    monkeypatch.setattr("capstone.optim.runs.BLOCK", 50)
    grads = np.random.default_rng(0).standard_normal((3, 7, 33)).astype(np.float32)
    alone, together = with_gradients(*grads.copy()), with_gradients(*grads.copy())
    with ThreadPoolExecutor(3) as pool:
        each = lambda function, items: list(pool.map(function, items))  # noqa: E731
        norm = clip_grad_norm(together, max_norm, each=each)
    assert norm == clip_grad_norm(alone, max_norm)
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.grad, b.grad)


def test_a_zero_gradient_stays_zero():
    params = with_gradients(np.zeros(3))
    assert clip_grad_norm(params, 1.0) == 0.0
    assert not params[0].grad.any()


def test_a_norm_that_overflows_is_said_to_and_nothing_is_scaled():
    good, bad = with_gradients(np.full(3, 9.0), np.array([1.0, -1e200]))
    message = (
        r"^clip_grad_norm: the norm of the gradient of parameters\[1\] must be finite: "
        r"expected a number, got entries up to 1\.0e\+200, whose squares overflow$"
    )
    with pytest.raises(NonFiniteError, match=message):
        clip_grad_norm([good, bad], 1.0)
    assert good.grad.tolist() == [9.0] * 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_named_and_nothing_is_scaled(value):
    good, bad = with_gradients(np.full(3, 9.0), np.ones((2, 3)))
    bad.grad[1, 2] = value
    bad.name = "blocks.0.wq"
    rule = r"^clip_grad_norm: the gradient of 'blocks.0.wq' must be finite: expected finite entries"
    with pytest.raises(NonFiniteError, match=rf"{rule}, got {value} at \(1, 2\)$"):
        clip_grad_norm([good, bad], 1.0)
    assert (good.grad == 9.0).all()


def test_a_nameless_parameter_is_named_by_its_place():
    params = with_gradients(np.ones(3), np.array([math.nan]))
    with pytest.raises(NonFiniteError, match=r"the gradient of parameters\[1\] must be finite"):
        clip_grad_norm(params, 1.0)


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_a_limit_that_is_not_positive_is_rejected(max_norm):
    message = rf"^clip_grad_norm: max_norm must be positive: expected max_norm > 0, got {max_norm}$"
    with pytest.raises(UsageError, match=message):
        clip_grad_norm(with_gradients(np.ones(3)), max_norm)


def test_no_parameter_is_rejected():
    with pytest.raises(UsageError, match=r"^clip_grad_norm: .* expected at least one parameter"):
        clip_grad_norm([], 1.0)


def test_a_parameter_given_twice_is_rejected():
    (parameter,) = with_gradients(np.ones(3))
    with pytest.raises(UsageError, match=r"^clip_grad_norm: a parameter is listed twice"):
        clip_grad_norm([parameter, parameter], 1.0)
