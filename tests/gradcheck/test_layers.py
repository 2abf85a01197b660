"""Every layer: each entry of the gradients of inputs and parameters, and the protocol."""

from collections.abc import Callable

import numpy as np
import pytest

import tolerances
from capstone.gradcheck import Report
from cases import LAYER_CASES, Case, params, run_check
from gradcheck.rebinding import rebound

Verified = Callable[[Report], Report]


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward(case: Case, verified: Verified) -> None:
    report = verified(run_check(case, depth="per_entry", method="complex"))
    names = [name for name, _ in case.layer().named_parameters()]
    assert set(names) <= {argument.name for argument in report.arguments}
    assert report.norm_error <= tolerances.GRADIENT


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward_by_the_ladder(case: Case) -> None:
    run_check(case, method="ladder", depth="projection").raise_if_wrong()


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward_in_float32(case: Case) -> None:
    report = run_check(case, dtype=np.float32)
    report.raise_if_wrong()
    assert {argument.dtype for argument in report.arguments} == {"float32"}


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_backward_adds_to_the_array_that_was_there(case: Case) -> None:
    assert rebound(case) == []
