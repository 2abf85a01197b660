"""Every op: each entry of each gradient against its own derivative, and the protocol."""

from collections.abc import Callable

import numpy as np
import pytest

import tolerances
from capstone.gradcheck import Report
from cases import OP_CASES, Case, params, run_check

Verified = Callable[[Report], Report]


@pytest.mark.parametrize("case", params(OP_CASES))
def test_backward(case: Case, verified: Verified) -> None:
    report = verified(run_check(case, depth="per_entry", method="complex"))
    differentiable = [array for array in case.inputs() if array.dtype.kind == "f"]
    assert report.compared == sum(array.size for array in differentiable)
    assert report.norm_error <= tolerances.GRADIENT


@pytest.mark.parametrize("case", params(OP_CASES))
def test_backward_by_the_ladder(case: Case) -> None:
    run_check(case, method="ladder", depth="projection").raise_if_wrong()


@pytest.mark.parametrize("case", params(OP_CASES))
def test_backward_in_float32(case: Case) -> None:
    report = run_check(case, dtype=np.float32)
    report.raise_if_wrong()
    assert {argument.dtype for argument in report.arguments} == {"float32"}


@pytest.mark.parametrize("case", params(OP_CASES))
@pytest.mark.parametrize("seed", range(3))
def test_backward_for_other_upstreams(case: Case, seed: int) -> None:
    upstream_shape = np.shape(case.passes()[0](*case.inputs(), **case.options)[0])
    upstream = np.random.default_rng(seed).standard_normal(upstream_shape) * 10.0 ** (3 * seed - 3)
    run_check(case, upstream=upstream).raise_if_wrong()
