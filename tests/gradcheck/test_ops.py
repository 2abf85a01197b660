"""Every op: each entry of each gradient against its own derivative, and the protocol."""

from collections.abc import Callable

import numpy as np
import pytest

import tolerances
from capstone.gradcheck import Report
from cases import OP_CASES, Case, params

Verified = Callable[[Report], Report]
CheckCase = Callable[..., Report]


@pytest.mark.parametrize("case", params(OP_CASES))
def test_backward(case: Case, verified: Verified, check_case: CheckCase) -> None:
    report = verified(check_case(case, depth="per_entry", method="complex"))
    differentiable = [array for array in case.inputs() if array.dtype.kind == "f"]
    assert report.compared == sum(array.size for array in differentiable)
    assert report.norm_error <= tolerances.GRADIENT


@pytest.mark.parametrize("case", params(OP_CASES))
def test_backward_by_the_ladder(case: Case, check_case: CheckCase) -> None:
    check_case(case, method="ladder", depth="projection")


@pytest.mark.parametrize("case", params(OP_CASES))
def test_backward_in_float32(case: Case, check_case: CheckCase) -> None:
    report = check_case(case, dtype=np.float32)

    assert {argument.dtype for argument in report.arguments} == {"float32"}


@pytest.mark.parametrize("case", params(OP_CASES))
@pytest.mark.parametrize("seed", range(3))
def test_backward_for_other_upstreams(case: Case, seed: int, check_case: CheckCase) -> None:
    upstream_shape = np.shape(case.passes()[0](*case.inputs(), **case.options)[0])
    upstream = np.random.default_rng(seed).standard_normal(upstream_shape) * 10.0 ** (3 * seed - 3)
    check_case(case, upstream=upstream)
