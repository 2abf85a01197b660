"""What a check can afford, where there is nothing to afford it for."""

import numpy as np

from capstone.gradcheck import Op, check
from unit.gradcheck.samples import rules


def test_an_empty_array_fits_into_any_budget() -> None:
    op = Op(lambda x: (x * x, x), lambda dy, x: 2 * dy * x)
    assert rules(check(op, np.zeros((0, 3)), budget=30)) == {"vacuous"}
