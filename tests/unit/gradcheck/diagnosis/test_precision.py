"""Lower precisions; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis.precision import ROUNDED, rounded, rounded_inside
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G = draw(4, 5)


@pytest.mark.parametrize("name", ROUNDED)
def test_a_cast_is_named(name: str) -> None:
    _, convert = ROUNDED[name]
    words = f"every entry is a {name} number next to the true one: something casts to it"
    assert rounded(evidence(convert(G), G)) == words


@pytest.mark.parametrize("name", ROUNDED)
def test_one_entry_of_full_precision_is_a_near_miss(name: str) -> None:
    _, convert = ROUNDED[name]
    wrong = convert(G)
    wrong[1, 2] = G[1, 2] * (1 + 1e-9)
    assert rounded(evidence(wrong, G)) == ""


def test_numbers_of_float32_far_from_the_true_ones_are_no_roundings() -> None:
    assert rounded(evidence(np.round(draw(4, 5, seed=3), 1).astype(np.float32), G)) == ""


def test_the_precision_of_the_argument_itself_is_no_cast() -> None:
    own = G.astype(np.float32)
    assert rounded(evidence(own.astype(float), G, value=own)) == ""


def test_bfloat16_rounds_to_even() -> None:
    _, convert = ROUNDED["bfloat16"]
    half = 2.0**-8  # of the spacing next to 1
    assert convert(np.array([1 + half, 1 + 3 * half])).tolist() == [1.0, 1 + 4 * half]


def test_single_precision_inside_is_suspected() -> None:
    error = 1e-7 * np.sin(draw(4, 5, seed=3) * 9)
    assert "is float32 used inside?" in rounded_inside(evidence(G * (1 + error), G))


@pytest.mark.parametrize("size", [1e-10, 1e-4])
def test_errors_of_another_size_are_not(size: float) -> None:
    error = size * np.sin(draw(4, 5, seed=3) * 9)
    assert rounded_inside(evidence(G * (1 + error), G)) == ""
