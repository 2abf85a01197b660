"""The check itself: entries verified per second, against a loop over single entries."""

import time

import numpy as np
import pytest

from capstone.gradcheck.subjects import make_subject
from cases import CASES, params, run_check
from capstone.gradcheck import Op

STEP = 1e-6  # float64: near the cube root of its epsilon, as central differences want it
SUBJECTS = ("attention", "cross_entropy", "rmsnorm", "TransformerBlock", "TrainableTransformer")
FIRST_CASES = [next(case for case in CASES if case.subject == subject) for subject in SUBJECTS]


@pytest.mark.parametrize("case", params(FIRST_CASES))
def test_check(case, benchmark, record_check):
    record_check(case.id, lambda: run_check(case), lambda: naive_gradients(case))
