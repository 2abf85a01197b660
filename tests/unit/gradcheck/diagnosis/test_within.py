"""What happens within rows and windows; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis import within
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

ROWS = draw(4, 6)
ORDER = np.argsort(draw(4, 6, seed=3), axis=1)
SORTED = np.take_along_axis(ROWS, ORDER, axis=1)
WINNERS = np.zeros((5, 3, 4))  # of windows of 4: the largest gets what comes from above
np.put_along_axis(WINNERS, draw(5, 3, 4, seed=4).argmax(axis=-1)[..., None], draw(5, 3, 1), axis=-1)
POOLED = WINNERS.reshape(5, 12)
FIRST = np.zeros((5, 3, 4))
FIRST[..., 0] = WINNERS.sum(axis=-1)
ROLLED = np.roll(WINNERS, 1, axis=-1).reshape(5, 12)
MEANS = np.repeat(WINNERS.mean(axis=-1), 4, axis=-1)
ONE_OFF = np.zeros((5, 12))
ONE_OFF[2, 5] = 1e-3

CASES = {
    "rolled_within windows": (ROLLED, POOLED, ONE_OFF, "rolled by 1 within every 4 along axis 1"),
    "rolled_within heads": (
        np.roll(draw(2, 3, 5), -1, axis=1).reshape(6, 5),
        draw(2, 3, 5).reshape(6, 5),
        np.eye(6, 5, 2) * 1e-3,
        "rolled by -1 within every 3 along axis 0",
    ),
    "reordered rows": (
        SORTED,
        ROWS,
        ONE_OFF[:4, :6],
        "the right numbers in each row along axis 1, in another order: is an order not undone?",
    ),
    "reordered halves": (
        ROWS.reshape(4, 2, 3)[:, :, [1, 2, 0]].reshape(4, 6).T,
        ROWS.T,
        ONE_OFF[:4, :6].T,
        "the right numbers in every 3 entries along axis 0, in another order",
    ),
    "other_winner": (
        FIRST.reshape(5, 12),
        POOLED,
        ONE_OFF,
        "the one number in every 4 entries along axis 1 is right, and at another place",
    ),
    "other_winner of columns": (
        FIRST.reshape(5, 12)[:, :4].T,
        POOLED[:, :4].T,
        ONE_OFF[:, 3:7].T,
        "the one number in every 4 entries along axis 0 is right, and at another place",
    ),
    "spread mean": (
        MEANS,
        POOLED,
        ONE_OFF,
        "what belongs to one of every 4 along axis 1 is shared by all 4: is the mask",
    ),
    "spread maximum": (
        np.repeat(POOLED[:, :4].sum(axis=1, keepdims=True), 4, axis=1),
        POOLED[:, :4],
        ONE_OFF[:, 3:7],
        "what belongs to one of every 4 along axis 1 goes to all of them",
    ),
}


def explained(name: str, analytic: Array, numeric: Array) -> str:
    words: str = getattr(within, name.partition(" ")[0])(evidence(analytic, numeric))
    return words


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    analytic, numeric, _, words = CASES[name]
    assert words in explained(name, analytic, numeric)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    analytic, numeric, spoil, _ = CASES[name]
    assert explained(name, analytic + spoil, numeric) == ""


def test_two_entries_that_change_places_show_no_order() -> None:
    swapped = ROWS.copy()
    swapped[1, [2, 4]] = ROWS[1, [4, 2]]
    assert within.reordered(evidence(swapped, ROWS)) == ""


def test_a_share_of_several_is_no_missing_mask() -> None:
    assert within.spread(evidence(np.repeat(ROWS.mean(1, keepdims=True), 6, axis=1), ROWS)) == ""
