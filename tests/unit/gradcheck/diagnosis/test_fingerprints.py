"""What a wrong gradient is called: the best explanation first, and none that is false."""

import re
from pathlib import Path

import numpy as np
import pytest

from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.fingerprints import FINGERPRINTS, diagnose
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G = draw(4, 4)
ROW = np.zeros((4, 4))
ROW[2] = 1
CASES = {
    "undefined": (G, G * np.nan, "no derivative to compare with"),
    "nan": (G * np.nan, G, "16 entries are NaN or infinite"),
    "independent": (G, 0 * G, "so its gradient must be 0"),
    "zero": (0 * G, G, "is a path missing?"),
    "sign": (-G, G, "a sign is flipped"),
    "factor": (4 * G, G, "analytic = 4 x numeric everywhere; 4 = the size of axis 0 of w"),
    "transposed": (G.T, G, "analytic = numeric transposed"),
    "constant": (G + draw(1, 4, seed=3), G, "the error is constant along axis 0"),
    "place": (G + ROW * draw(4, 4, seed=4), G, "wrong only at index 2 of axis 0"),
    "": (draw(4, 4, seed=5), G, "no simple transformation of the right gradient explains 16 of 16"),
}


@pytest.mark.parametrize("kind", CASES)
def test_diagnosis(kind: str) -> None:
    analytic, numeric, words = CASES[kind]
    found = diagnose(evidence(analytic, numeric))
    assert found.kind == kind
    assert words in found.words


@pytest.mark.parametrize("by", [1e-9, -2e-4])
def test_a_factor_next_to_1_is_written_as_its_distance(by: float) -> None:
    sign = "+" if by > 0 else "-"
    words = f"analytic = (1 {sign} {abs(by):.1e}) x numeric everywhere: a constant factor"
    assert diagnose(evidence(G * (1 + by), G)).words == words


def test_what_holds_everywhere_comes_before_what_holds_somewhere() -> None:
    kinds = [kind for kind, _ in FINGERPRINTS]
    assert kinds.index("sign") < kinds.index("edge") < kinds.index("place")


def test_every_fingerprint_is_in_the_table_once() -> None:
    functions = [explain for _, explain in FINGERPRINTS]
    assert len(set(functions)) == len(functions)


def test_every_kind_has_a_row_in_the_documentation() -> None:
    page = Path(__file__).parents[4] / "docs" / "how-to-read-a-failure.md"
    rows = re.findall(r"^\| (`.*?`) \| `", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {kind for kind, _ in FINGERPRINTS} == set(re.findall(r"`(\w+)`", " ".join(rows)))


@pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 1), (3, 1, 2), (2, 2, 2, 2, 2)])
def test_any_shape_gets_a_sentence(shape: tuple[int, ...]) -> None:
    right, wrong = draw(*shape) + np.zeros(shape), draw(*shape, seed=9) + np.zeros(shape)
    assert diagnose(evidence(np.asarray(wrong), np.asarray(right))).words


def unstructured(seed: int) -> Evidence:
    """Random errors amid everything that an explanation could take hold of."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.choice([1, 2, 3, 4, 5, 7], size=rng.integers(2, 5)))
    shape = (3, *shape[1:], 4) if np.prod(shape) < 6 else shape
    right, error, x, y = rng.standard_normal((4, *shape))
    dy = rng.standard_normal((2, 3))
    error *= 10.0 ** rng.choice([-10, -4, -2, 0, 1])
    jacobian = rng.standard_normal((right.size, 2, 3))
    return evidence(
        right + error,
        right,
        dy=dy if seed % 2 else x[::-1] * y,
        y=y,
        options={"n_heads": 2, "eps": 1e-5, "p": 0.3},
        jacobian=(lambda: jacobian) if seed % 2 else (lambda: None),
        at=lambda replaced, directions: rng.standard_normal(len(directions)),
        x=x,
        gain=rng.standard_normal(shape[-1]),
        ids=rng.integers(0, 5, size=(3, 4)),
        targets=rng.integers(0, shape[-1], size=shape[:-1]),
        mask=rng.random(shape) < 0.5,
    )


def test_unstructured_errors_are_given_no_false_explanation() -> None:
    kinds = {diagnose(unstructured(seed)).kind for seed in range(300)}
    assert kinds == {""}


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_infinities_at_hand_raise_nothing(bad: float) -> None:
    y = draw(3, 5)
    y[1, 2] = bad
    e = evidence(draw(3, 5, seed=1), draw(3, 5, seed=2), y=y, dy=y.copy(), x=y.copy())
    assert diagnose(e).words
