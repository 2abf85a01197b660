"""Every layer: each entry of the gradients of inputs and parameters, and the protocol."""

from collections.abc import Callable

import numpy as np
import pytest

import tolerances
from capstone.gradcheck import Report
from cases import LAYER_CASES, Case, params
from gradcheck.rebinding import rebound

Verified = Callable[[Report], Report]
CheckCase = Callable[..., Report]


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward(case: Case, verified: Verified, check_case: CheckCase) -> None:
    report = verified(check_case(case, depth="per_entry", method="complex"))
    names = [name for name, _ in case.layer().named_parameters()]
    assert set(names) <= {argument.name for argument in report.arguments}
    assert report.norm_error <= tolerances.GRADIENT


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward_by_the_ladder(case: Case, check_case: CheckCase) -> None:
    check_case(case, method="ladder", depth="projection")


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward_in_float32(case: Case, check_case: CheckCase) -> None:
    report = check_case(case, dtype=np.float32)

    assert {argument.dtype for argument in report.arguments} == {"float32"}


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward_adds_to_the_array_that_was_there(case: Case) -> None:
    assert rebound(case) == []
