"""Errors somewhere; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis import places
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G, NOISE, LONG = draw(5, 4), draw(5, 4, seed=3), draw(11, 3)
IDS = np.array([[1, 3, 1], [0, 3, 4]])
TARGETS = np.array([2, 0, 3, 1, 1])
HALF = np.where(np.arange(4) % 2, 1.0, 0.0) * np.ones((5, 1))


def off(rows: object, by: np.ndarray = NOISE, of: np.ndarray = G) -> np.ndarray:
    """`of` with something else in some places."""
    wrong = of.copy()
    wrong[rows] += by[rows]
    return wrong


def named(columns: np.ndarray) -> np.ndarray:
    """1 at one column a row."""
    return np.asarray((columns[:, None] == np.arange(4)) * 1.0)


FROM_8 = draw(11, 3, seed=4)
CASES = {
    "masked": (
        evidence(G, G * HALF),
        evidence(G + 1e-3 * HALF, G * HALF),
        "10 of 20 entries on which the output does not depend (indices 0, 2 of axis 1)",
    ),
    "repeats": (
        evidence(off([1, 3]), G, ids=IDS),
        evidence(off([1, 2]), G, ids=IDS),
        "wrong only at indices 1, 3 of axis 0, repeated in ids",
    ),
    "edge": (evidence(off(-1), G), evidence(off(-2), G), "at the last index of axis 0"),
    "tail": (
        evidence(off(slice(8, None), FROM_8, LONG), LONG),
        evidence(off(slice(7, None), FROM_8, LONG), LONG),
        "wrong only from index 8 of axis 0 on, 8 = 1 x 8",
    ),
    "named": (
        evidence(off([0, 1, 3, 4]), G, ids=IDS),
        evidence(off([0, 1, 2, 4]), G, ids=IDS),
        "wrong only at the indices of axis 0 that ids names: is what comes through it right?",
    ),
    "zero_slices": (
        evidence(off([1, 2], -G), G),
        evidence(off([1, 2], -G + 1e-3), G),
        "no gradient reaches indices 1, 2 of axis 0; the others are right",
    ),
    "zero_entries": (
        evidence(G * (G > 0), G),
        evidence(G * (G > 0) + 1e-3 * (G < -0.5), G),
        "entries get no gradient",
    ),
    "sign_there": (
        evidence(np.where(G[0] > 0, G, -G), G),
        evidence(np.where(G[0] > 0, G, -G * (1 + NOISE * 1e-3)), G),
        "by analytic = -numeric",
    ),
    "sign_where": (
        evidence(np.where(NOISE < 0, -G, G), G, x=NOISE),
        evidence(np.where(NOISE < 0.3, -G, G), G, x=NOISE),
        "wrong only where x < 0, by analytic = -numeric",
    ),
    "factor_there": (
        evidence(np.where(G > 0, G, 2 * G), G),
        evidence(np.where(G > 0, G, 2 * G + 1e-3 * NOISE), G),
        "by analytic = 2 x numeric",
    ),
    "single": (
        evidence(off((3, 2)), G),
        evidence(off([3, 1]), G),
        "1 of 20 entries is wrong: [3, 2]",
    ),
    "picked": (
        evidence(G + named(TARGETS), G, targets=TARGETS),
        evidence(G + named(TARGETS[::-1]), G, targets=TARGETS),
        "wrong only at the entries that targets names along axis 1, each by 1",
    ),
    "triangle": (
        evidence(G + np.triu(NOISE, 1), G),
        evidence(G + np.triu(NOISE), G),
        "wrong only above the diagonal of the last two axes",
    ),
    "condition": (
        evidence(np.where(NOISE < 0, G + NOISE, G), G, x=NOISE),
        evidence(np.where(NOISE < 0.3, G + NOISE, G), G, x=NOISE),
        "wrong only where x < 0",
    ),
    "indices": (
        evidence(off([1, 2]), G),
        evidence(G + NOISE, G),
        "wrong only at indices 1, 2 of axis 0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    bug, _, words = CASES[name]
    assert words in getattr(places, name)(bug)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    assert getattr(places, name)(CASES[name][1]) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (-G, ", and zero there"),
        (-2 * G, ", by analytic = -numeric"),
        (2 * G, ", by analytic = 3 x numeric"),
        (np.full_like(G, 0.5), ", each by 0.5"),
    ],
)
def test_what_the_wrong_entries_have_in_common(change: np.ndarray, words: str) -> None:
    assert places.edge(evidence(off(0, change), G)).endswith(words)


def test_a_mask_among_the_arguments_is_named() -> None:
    mask = HALF.astype(bool)
    assert "(where mask is False)" in places.masked(evidence(G, G * HALF, mask=mask))


def test_an_option_is_a_threshold() -> None:
    wrong = np.where(np.abs(NOISE) > 0.8, G + NOISE, G)
    far = evidence(wrong, G, x=NOISE, options={"delta": 0.8})
    assert places.condition(far) == "wrong only where |x| > delta"
    assert places.condition(evidence(wrong, G, x=NOISE, options={"delta": 0.4})) == ""


def test_an_edge_beside_nothing_is_none() -> None:
    alone = np.zeros_like(G)
    alone[-1] = G[-1]
    assert places.edge(evidence(2 * alone, alone)) == ""


def test_a_table_whose_other_use_is_lost() -> None:
    lost = off([0, 1, 3, 4])
    lost[2] = 0
    words = "only the indices of axis 0 that ids names get a gradient: is another path missing?"
    assert places.named(evidence(lost, G, ids=IDS)) == words
    assert places.named(evidence(lost, lost + np.eye(5, 4), ids=np.array([0, 1, 3]))) == ""


def test_ids_that_are_all_that_is_looked_up_say_nothing() -> None:
    looked_up = G.copy()
    looked_up[2] = 0
    assert places.named(evidence(off([0, 1, 3, 4], of=looked_up), looked_up, ids=IDS)) == ""


def test_a_condition_comes_before_a_list_of_indices() -> None:
    x, right = draw(19, seed=5), draw(19, seed=6)
    e = evidence(right * (x < 0.4), right, value=x, options={"cap": 0.4})
    assert places.zero_slices(e) == ""
    assert "those where w > cap" in places.zero_entries(e)


@pytest.mark.parametrize(("by", "words"), [(1, "the next ones"), (-1, "the ones before")])
def test_a_target_and_its_neighbor(by: int, words: str) -> None:
    both = named(TARGETS) + named((TARGETS + by) % 4)
    found = places.picked(evidence(G + both * NOISE, G, targets=TARGETS))
    assert found.endswith(f"targets names along axis 1, and {words}: off by one?")
    far = named(TARGETS) + named((TARGETS + 2) % 4)
    assert places.picked(evidence(G + far * NOISE, G, targets=TARGETS)) == ""
