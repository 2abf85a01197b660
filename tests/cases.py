"""The project's one case table, as parameters for pytest.

The table itself lives in the package (`capstone.cases`), because `capstone gradcheck` runs it too.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from capstone.cases import CASES, LAYER_CASES, MODEL_CASES, OP_CASES, Case
from capstone.gradcheck import Op, Report, check

__all__ = ["CASES", "LAYER_CASES", "MODEL_CASES", "OP_CASES", "Case", "params", "run_check"]


def params(cases: Iterable[Case]) -> list[ParameterSet]:
    """The cases with their ids, for `pytest.mark.parametrize`."""
    return [pytest.param(case, id=case.id) for case in cases]


def run_check(case: Case, dtype: Any = float, **options: Any) -> Report:
    """Point the verifier at a case."""
    inputs = case.inputs(dtype)
    if case.kind == "op":
        subject: Any = Op(*case.passes(), options=case.options)
    else:
        subject = case.layer(dtype)
    return check(subject, *inputs, seed=case.seed, name=case.id, **options)
