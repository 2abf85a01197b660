"""The project's one case table, as parameters for pytest.

The table itself lives in the package (`capstone.cases`), because `capstone gradcheck` runs it too.
"""

from collections.abc import Iterable

import pytest
from _pytest.mark.structures import ParameterSet

from capstone.case import Case
from capstone.cases import CASES, LAYER_CASES, MODEL_CASES, OP_CASES
from capstone.cli.gradcheck import check_case as run_check

__all__ = ["CASES", "LAYER_CASES", "MODEL_CASES", "OP_CASES", "Case", "params", "run_check"]


def params(cases: Iterable[Case]) -> list[ParameterSet]:
    """The cases with their ids, for `pytest.mark.parametrize`."""
    return [pytest.param(case, id=case.id) for case in cases]
