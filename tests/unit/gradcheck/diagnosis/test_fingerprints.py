"""What a wrong gradient is called."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.fingerprints import diagnose
from unit.gradcheck.samples import draw

G = draw(4, 4)
ROW = np.zeros((4, 4), bool)
ROW[2] = True
CASES = {
    "a sign is flipped": (-G, G),
    "a constant factor (4, the size of axis 0?)": (4 * G, G),
    "a constant factor (1/sqrt(4), the size of axis 0?)": (G / 2, G),
    "analytic = (1 + 1.0e-09) x numeric everywhere": (G * (1 + 1e-9), G),
    "analytic = (1 - 2.0e-04) x numeric everywhere": (G * (1 - 2e-4), G),
    "analytic = numeric transposed": (G.T, G),
    "is a path missing?": (0 * G, G),
    "the error is constant along axis 0": (G + draw(1, 4, seed=3), G),
    "only indices 2 of axis 0 are wrong": (G + ROW * draw(4, 4, seed=4), G),
    "16 entries are NaN or infinite": (G * np.nan, G),
    "so its gradient must be 0": (G, 0 * G),
    "no derivative to compare with": (G, G * np.nan),
    "no simple transformation": (draw(4, 4, seed=5), G),
    "explains 16 of 16 entries": (G * (1 + 1e-9 * draw(4, 4, seed=6)), G),
}


@pytest.mark.parametrize("words", CASES)
def test_diagnosis(words: str) -> None:
    analytic, numeric = CASES[words]
    is_wrong = ROW if "indices" in words else np.ones((4, 4), bool)
    value = np.ones((4, 4))
    assert words in diagnose(Evidence("w", value, analytic, numeric, is_wrong)).words
