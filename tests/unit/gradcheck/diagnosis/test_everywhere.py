"""What holds for a gradient as a whole; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis import everywhere
from capstone.gradcheck.diagnosis.evidence import Known
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G, H, X = draw(4, 5), draw(4, 5, seed=3), draw(4, 5, seed=4)
GAIN = draw(5, seed=5)
ONE_OFF = np.zeros((4, 5))
ONE_OFF[1, 2] = 1e-3
NAN = np.where(ONE_OFF > 0, np.nan, G)
OTHER = (Known("v", X, H, G), Known("u", X, X, X))
ONE_WAY = (Known("v", X, H, H),)

CASES = {
    "undefined": (evidence(G, NAN), evidence(NAN, G), "no derivative to compare with"),
    "nan": (evidence(NAN, G), evidence(G, NAN), "1 entry is NaN or infinite, the others are right"),
    "independent": (evidence(G, 0 * G), evidence(G, ONE_OFF), "gradient must be 0"),
    "zero": (evidence(0 * G, G), evidence(ONE_OFF, G), "is a path missing?"),
    "sign": (evidence(-G, G), evidence(ONE_OFF - G, G), "a sign is flipped"),
    "upstream": (
        evidence(G / X, G, dy=X),
        evidence(G / X + ONE_OFF, G, dy=X),
        "numeric / dy: the upstream gradient is ignored",
    ),
    "factor": (
        evidence(1.7 * G, G),
        evidence(1.7 * G + ONE_OFF, G),
        "analytic = 1.7 x numeric everywhere: a constant factor",
    ),
    "absolute": (evidence(np.abs(G), G), evidence(np.abs(G) - ONE_OFF, G), "signs are lost"),
    "exchanged": (
        evidence(H, G, others=OTHER),
        evidence(H, G, others=ONE_WAY),
        "the gradient of v: the two are swapped",
    ),
    "misplaced": (
        evidence(H, G, others=ONE_WAY),
        evidence(H + ONE_OFF, G, others=ONE_WAY),
        "the gradient of v: it was stored in the wrong place",
    ),
    "clipped": (
        evidence(np.clip(G, -0.5, 0.5), G),
        evidence(np.clip(G, -0.5, 0.5) + ONE_OFF, G),
        "clipped to +-0.5",
    ),
    "product": (
        evidence(G / GAIN, G, gain=GAIN),
        evidence(G / GAIN[::-1], G, gain=GAIN),
        "numeric / gain: is a factor gain missing?",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    bug, _, words = CASES[name]
    assert words in getattr(everywhere, name)(bug)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    assert getattr(everywhere, name)(CASES[name][1]) == ""


@pytest.mark.parametrize(
    ("analytic", "words"),
    [
        (G * X, "the upstream gradient is applied twice"),
        (X, "the upstream gradient is handed through"),
    ],
)
def test_other_uses_of_the_upstream_gradient(analytic: np.ndarray, words: str) -> None:
    assert words in everywhere.upstream(evidence(analytic, G, dy=X))


def test_a_summed_upstream_gradient() -> None:
    e = evidence(X.sum(axis=0), GAIN, dy=X)
    assert "dy summed to the argument's shape" in everywhere.upstream(e)


@pytest.mark.parametrize(
    ("analytic", "words"),
    [
        (G * GAIN, "is the factor gain one too many?"),
        (G / GAIN**2, "is a factor gain**2 missing?"),
        (G * GAIN**2, "multiplied for divided by gain?"),
    ],
)
def test_other_powers_of_an_argument(analytic: np.ndarray, words: str) -> None:
    assert words in everywhere.product(evidence(analytic, G, gain=GAIN))


@pytest.mark.parametrize(("low", "high"), [(-0.5, np.inf), (-np.inf, 0.5), (0, np.inf)])
def test_cut_on_one_side(low: float, high: float) -> None:
    cut = everywhere.clipped(evidence(np.clip(G, low, high), G))
    assert cut.startswith("analytic = numeric cut off")


def test_a_single_cut_entry_is_no_clip() -> None:
    top = np.sort(np.abs(G).reshape(-1))[-2] + 1e-3
    assert everywhere.clipped(evidence(np.clip(G, -top, top), G)) == ""


def test_the_true_gradient_in_another_place() -> None:
    words = everywhere.misplaced(evidence(X, G, others=(Known("v", X, H, G),)))
    assert words == "the gradient of v is what belongs here: stored in the wrong place?"


def test_an_error_near_the_noise_is_not_explained() -> None:
    assert everywhere.factor(evidence(G * (1 + 1e-9), G, noise=1e-9)) == ""


@pytest.mark.parametrize("factor", ["1 - y", "1 + y"])
def test_what_y_leaves_of_1_is_a_factor(factor: str) -> None:
    right, y = draw(4, 5), draw(4, 5, seed=3)
    of_y = 1 - y if factor == "1 - y" else 1 + y
    missing = everywhere.product(evidence(right / of_y, right, y=y))
    assert f"numeric / ({factor})" in missing
    assert f"numeric x ({factor})" in everywhere.product(evidence(right * of_y, right, y=y))


def test_a_factor_that_is_1_to_rounding_is_none() -> None:
    value = np.ones(G.shape, np.float16)
    assert everywhere.factor(evidence(G * 1.002, G, value=value)) == ""
    assert "1.02 x numeric" in everywhere.factor(evidence(G * 1.02, G, value=value))


def test_a_missing_factor_must_explain_every_entry() -> None:
    x = np.array([0.5, 2.0, 1e-6, -1.3, 0.7, 1.1])
    flipped = -1 / x**2 * np.array([-1, -1, 1, 1, -1, -1])
    assert everywhere.product(evidence(flipped, -1 / x**2, name="x", value=x)) == ""
    assert "factor 1 - x missing" in everywhere.product(
        evidence(-1 / x**2, -(1 - x) / x**2, name="x", value=x)
    )
