"""JAX's kinds of subject: `custom_vjp`, jitted and plain functions; good ones and bad."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.gradcheck.subjects.jax_library import JaxLibrary

X = np.random.default_rng(0).standard_normal((3, 5))


def log_sum_exp(backward, forward=None):
    """A `custom_vjp` with these rules."""

    @jax.custom_vjp
    def function(x):
        largest = x.max(axis=-1, keepdims=True)
        return jnp.log(jnp.exp(x - largest).sum(axis=-1)) + largest[..., 0]

    function.defvjp(forward or (lambda x: (function(x), x)), backward)
    return function


def right(x, dy):
    return (jax.nn.softmax(x) * dy[..., None],)


GOOD = log_sum_exp(right)


@pytest.mark.parametrize("function", [GOOD, jax.jit(GOOD), lambda x: GOOD(x)])
def test_a_right_function_passes(function) -> None:
    report = check(function, jnp.asarray(X))
    report.raise_if_wrong()
    assert [argument.dtype for argument in report.arguments] == ["float32"]
    assert report.method == "complex step"


def test_double_precision_needs_no_setting_of_jax() -> None:
    assert not jax.config.jax_enable_x64
    report = check(GOOD, X)
    report.raise_if_wrong()
    assert [argument.dtype for argument in report.arguments] == ["float64"]
    assert not jax.config.jax_enable_x64


def test_double_precision_set_in_jax_passes() -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(X)
        assert x.dtype == np.float64
        check(GOOD, x).raise_if_wrong()


WRONG = {
    "factor": lambda x, dy: (right(x, dy)[0] * (1 + 1e-8),),
    "nothing": lambda x, dy: (None,),
    "lower precision": lambda x, dy: (right(x, dy)[0].astype(jnp.bfloat16).astype(x.dtype),),
    "other rows": lambda x, dy: (right(x, dy[::-1])[0],),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_found(name: str) -> None:
    assert check(log_sum_exp(WRONG[name]), X).wrong_arguments == ["x"]


def test_a_rule_of_another_shape_is_a_finding() -> None:
    report = check(log_sum_exp(lambda x, dy: (right(x, dy)[0][0],)), X)
    assert [finding.rule for finding in report.findings] == ["raises"]


def test_a_forward_rule_that_gives_another_output_is_a_finding() -> None:
    report = check(log_sum_exp(right, lambda x: (GOOD(x) + 1e-3, x)), X)
    words = "the forward rule gives another output than the function itself"
    assert [finding.message for finding in report.findings] == [words]


def test_nested_inputs_are_named_by_their_path() -> None:
    parameters = {"w": jnp.asarray(X.T), "b": jnp.asarray(X[0, :3])}
    report = check(lambda p, x: jnp.tanh(x @ p["w"] + p["b"]), parameters, jnp.asarray(X))
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["p['b']", "p['w']", "x"]


def test_outputs_count_as_one_flat_array() -> None:
    check(lambda x: (jnp.sin(x), {"first": x[0] ** 2}), jnp.asarray(X)).raise_if_wrong()


def test_a_stopped_gradient_is_found() -> None:
    report = check(lambda x: x * jax.lax.stop_gradient(x), jnp.asarray(X))
    assert report.wrong_arguments == ["x"]


def test_arguments_without_a_gradient_are_passed_along() -> None:
    power = jax.custom_vjp(lambda n, x: x**n, nondiff_argnums=(0,))
    power.defvjp(lambda n, x: (x**n, x), lambda n, x, dy: (n * x ** (n - 1) * dy,))
    report = check(power, 3, X)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x"]


def test_integers_are_passed_along() -> None:
    report = check(lambda x, ids: x[ids] ** 2, jnp.asarray(X), jnp.asarray([2, 0, 2]))
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x"]


def test_bfloat16_passes_and_a_wrong_factor_is_found() -> None:
    x = jnp.asarray(X, dtype=jnp.bfloat16)
    check(GOOD, x).raise_if_wrong()
    bad = log_sum_exp(lambda x, dy: (2 * right(x, dy)[0],))
    assert check(bad, x).wrong_arguments == ["x"]


def test_a_pair_of_functions_passes_and_a_wrong_one_is_found() -> None:
    def forward(x):
        return jnp.sin(x), x

    check(Op(forward, lambda dy, x: dy * jnp.cos(x)), jnp.asarray(X)).raise_if_wrong()
    bad = Op(forward, lambda dy, x: dy * jnp.sin(x))
    assert check(bad, jnp.asarray(X)).wrong_arguments == ["x"]


def test_an_output_of_integers_is_refused() -> None:
    words = "must return one floating-point array: expected an array, got ndarray of int32"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(lambda x: x.astype(int), jnp.asarray(X))


def test_a_rule_that_can_be_differentiated_passes() -> None:
    report = check(GOOD, X, order=2)
    report.raise_if_wrong()
    assert report.name == "backward of function"
    assert [argument.name for argument in report.arguments] == ["dy", "x"]


def test_a_value_that_is_constant_for_the_second_rule_is_found() -> None:
    cut = log_sum_exp(lambda x, dy: (jax.lax.stop_gradient(jax.nn.softmax(x)) * dy[..., None],))
    check(cut, X).raise_if_wrong()
    assert check(cut, X, order=2).wrong_arguments == ["x"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128, np.int32])
def test_an_array_keeps_its_precision(dtype: type) -> None:
    library, value = JaxLibrary(), np.ones(3, dtype)
    there = library.call(lambda placed: placed[0], [value], [np.dtype(dtype)])
    assert library.host(there).dtype == dtype
    assert np.array_equal(library.host(there), value)
