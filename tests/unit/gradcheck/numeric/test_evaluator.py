"""Stacked and single calls agree; chunks are bounded; forwards that mix the stack are seen."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from capstone.gradcheck.numeric.evaluator import CHUNK_BYTES, scale_of
from unit.gradcheck.samples import draw, elementwise, evaluator_of


def centered_fwd(x):
    """Averages over all leading axes: a stack would be averaged too."""
    axes = tuple(range(x.ndim - 1))
    return x**2 - (x**2).mean(axis=axes, keepdims=True), x


def centered_bwd(dy, x):
    return 2 * x * (dy - dy.mean(axis=0, keepdims=True))


def test_stacked_calls_agree_with_single_ones() -> None:
    evaluator = evaluator_of(elementwise(np.sin, np.cos), draw(3, 4))
    variants = draw(5, 3, 4, seed=1)
    stacked = evaluator.outputs({0: variants})
    np.testing.assert_array_equal(stacked, np.sin(variants))
    assert evaluator.forwards == 3  # one for all, two single ones to compare with


@pytest.mark.parametrize("kind", [int, bool])
def test_whole_numbers_in_a_later_pass_are_numbers(kind: type) -> None:
    kinds = iter([float])
    forward = lambda x: np.sin(x).astype(next(kinds, kind))  # noqa: E731
    variants = draw(5, 3, 4, seed=1)
    y = evaluator_of(elementwise(forward, np.cos), draw(3, 4)).outputs({0: variants})
    np.testing.assert_array_equal(y, np.sin(variants).astype(kind).astype(float), strict=True)


@pytest.mark.parametrize("count", range(2, 8))
def test_a_stack_as_long_as_the_batch_is_no_proof(count: int) -> None:
    op = Op(lambda x: (x * len(x), None), lambda dy, saved: dy)
    variants = draw(count, 3, 4)
    np.testing.assert_array_equal(evaluator_of(op, draw(3, 4)).outputs({0: variants}), 3 * variants)


@pytest.mark.parametrize("method", ["auto", "ladder"])
def test_forward_that_mixes_the_stack_is_run_one_at_a_time(method: str) -> None:
    check(Op(centered_fwd, centered_bwd), draw(6, 3), method=method).raise_if_wrong()


def test_variant_outside_the_domain_is_nan_and_the_others_are_right() -> None:
    def forward(x):
        if np.any(x > 1):
            raise ValueError
        return np.sin(x), x

    outputs = evaluator_of(Op(forward, forward), draw(2) / 9).outputs(
        {0: np.array([[0.1, 0.2], [0.3, 2.0]])}
    )
    np.testing.assert_array_equal(outputs, [np.sin([0.1, 0.2]), [np.nan, np.nan]])


@pytest.mark.parametrize("n", [1, 1000, 100_000])
def test_chunks_keep_to_their_memory(n: int) -> None:
    evaluator = evaluator_of(elementwise(np.sin, np.cos), np.ones(n))
    chunk = evaluator.chunk(0)
    assert chunk == 1 or chunk * n * np.dtype(complex).itemsize <= CHUNK_BYTES


def test_scale_of_zeros_is_one() -> None:
    assert scale_of(np.zeros(3)) == 1.0
    assert scale_of(np.array([-3.0, 2.0])) == 3.0
