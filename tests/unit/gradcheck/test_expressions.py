"""Right gradients of random expressions pass; with an error planted above the floor none does."""

from collections.abc import Callable

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from capstone._typing import Array
from capstone.gradcheck import Op, check
from capstone.gradcheck.numeric.probes import signed
from unit.gradcheck.expressions import Expression, N, expressions

SIZES = st.sampled_from([1e-3, 1.0, 2.0])
SEEDS = st.integers(0, 2**32 - 1)
METHODS = st.sampled_from(["auto", "auto", "auto", "ladder"])
DEPTHS = st.sampled_from(["per_entry", "projection"])
ENTRIES = st.tuples(st.integers(0, N - 1), st.integers(0, N - 1))
ABOVE = st.sampled_from([-10.0, 10.0, -1e3, 1e3, 1e6])
"""Errors that must be found, in units of the reported allowance."""


def inputs(seed: int, size: float) -> tuple[Array, Array]:
    a, b = size * np.random.default_rng(seed).standard_normal((2, N, N))
    return a, b


@given(expressions(), SEEDS, SIZES, METHODS, DEPTHS)
@settings(max_examples=120)
def test_a_right_gradient_is_never_rejected(
    expression: Expression, seed: int, size: float, method: str, depth: str
) -> None:
    report = check(expression.op(), *inputs(seed, size), seed=seed, method=method, depth=depth)
    vacuous = [finding.rule for finding in report.findings] == ["vacuous"]
    assert report.ok or vacuous, str(report)


def planted(
    expression: Expression, number: int, entry: tuple[int, int], error: float
) -> Callable[..., tuple[Array, Array]]:
    """The backward pass with one entry off by a relative error."""

    def backward(dy: Array, values: list[Array]) -> tuple[Array, Array]:
        grads = expression.backward(dy, values)
        grads[number][entry] *= 1 + error
        return grads

    return backward


@given(expressions(), SEEDS, SIZES, METHODS, st.integers(0, 1), ENTRIES, ABOVE)
@settings(max_examples=60)
def test_an_error_above_the_reported_floor_is_always_found(
    expression: Expression,
    seed: int,
    size: float,
    method: str,
    number: int,
    entry: tuple[int, int],
    above: float,
) -> None:
    arrays = inputs(seed, size)
    dy = signed(np.random.default_rng(seed), (N, N), np.dtype(float))
    options = {"seed": seed, "method": method, "depth": "per_entry", "upstream": dy}
    gradient = expression.backward(dy, expression.forward(*arrays)[1])[number]
    assume(gradient[entry])
    argument = check(expression.op(), *arrays, **options).arguments[number]
    error = above * argument.allowed
    wrong = Op(expression.forward, planted(expression, number, entry, error / gradient[entry]))
    report = check(wrong, *arrays, **options)
    # where a gradient cancels, noise is measured once it is disputed, and allowed from then on
    disputed = report.arguments[number]
    floor = disputed.norm_allowed * np.linalg.norm(gradient)
    is_found = report.wrong_arguments == [("a", "b")[number]]
    assert is_found or abs(error) < floor, str(report)
    assert is_found or floor > 10 * argument.allowed
