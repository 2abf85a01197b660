"""What wrong entries have in common; beside each bug a near miss that must not match."""

from typing import Any

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis.conditions import condition_of
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G, X, Z, NOISE = draw(6, 5), draw(6, 5, seed=3), draw(6, 5, seed=4), draw(6, 5, seed=5)
MASK, OPTIONS = draw(6, 1, seed=6) > 0, {"delta": 0.7}
OTHERS = np.arange(30).reshape(6, 5) % 9 == 4


def where(wrong: Array, **rest: Any) -> str:
    """How the wrong entries are described."""
    return condition_of(evidence(np.where(wrong, G + NOISE, G), G, value=X, **rest))


CONDITIONS = [
    (X < 0, {}, "where w < 0"),
    (Z > 0, {"z": Z}, "where z > 0"),
    (~MASK & np.ones((6, 5), bool), {"mask": MASK[:, 0]}, "where mask is False"),
    (np.abs(X) > 0.7, {"options": OPTIONS}, "where |w| > delta"),
    (X < -0.7, {"options": OPTIONS}, "where w < -delta"),
    (np.abs(X - Z) > 0.7, {"options": OPTIONS, "z": Z}, "where |w - z| > delta"),
    (X - Z < -0.7, {"options": OPTIONS, "z": Z}, "where w - z < -delta"),
    (X > Z, {"z": Z}, "where w - z > 0"),
]


@pytest.mark.parametrize(("wrong", "rest", "words"), CONDITIONS)
def test_the_condition_is_named(wrong: Array, rest: dict[str, Any], words: str) -> None:
    assert where(wrong, **rest) == words


@pytest.mark.parametrize(("wrong", "rest", "words"), CONDITIONS)
def test_others_beside_them_are_a_near_miss(wrong: Array, rest: dict[str, Any], words: str) -> None:
    assert where(wrong ^ OTHERS, **rest) == ""


@pytest.mark.parametrize(
    ("wrong", "rest", "start"),
    [
        (X > 0.45, {}, "where w > 0."),
        (np.abs(X) < 0.61, {}, "where |w| < 0."),
        (Z < -0.3, {"z": Z}, "where z < -0."),
        (np.abs(X - Z) > 1.1, {"z": Z}, "where |w - z| > 1"),
    ],
)
def test_a_value_that_divides(wrong: Array, rest: dict[str, Any], start: str) -> None:
    assert where(wrong, **rest).startswith(start)
    assert where(wrong ^ OTHERS, **rest) == ""


def test_the_value_that_divides_is_short_and_between() -> None:
    values = np.linspace(0, 1, 31)[:30].reshape(6, 5)
    e = evidence(np.where(values > 0.51, G + NOISE, G), G, value=values)
    assert condition_of(e) == "where w > 0.52"


def test_few_entries_are_divided_by_accident() -> None:
    assert where(np.sort(X.reshape(-1))[-3] <= X) == ""


def test_the_same_in_every_entry_divides_nothing() -> None:
    half = np.arange(30).reshape(6, 5) % 2 == 0
    assert condition_of(evidence(np.where(half, G + NOISE, G), G)) == ""
