"""Entries that moved; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone.gradcheck.diagnosis import rearranged
from capstone.gradcheck.diagnosis.evidence import Evidence
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G, SQUARE, LONG, HEADS = draw(4, 5), draw(4, 4), draw(6, 3), draw(2, 3, 5, 4)
SPOIL = np.zeros((4, 5))
SPOIL[1, 2] = 1e-3
SHUFFLED = G[[2, 0, 3, 1]]

CASES = {
    "transposed": (
        evidence(SQUARE.T, SQUARE),
        evidence(SQUARE.T + SPOIL[:, :4], SQUARE),
        "analytic = numeric transposed",
    ),
    "reversed_order": (
        evidence(G[:, ::-1], G),
        evidence(G[:, ::-1] + SPOIL, G),
        "reversed along axis 1",
    ),
    "shifted": (
        evidence(np.roll(G, 1, axis=0), G),
        evidence(np.roll(G, 1, axis=0) + SPOIL, G),
        "rolled by 1 along axis 0",
    ),
    "permuted": (
        evidence(SHUFFLED, G),
        evidence(SHUFFLED + SPOIL, G),
        "slices along axis 0 in another order: 2, 0, 3, 1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    bug, _, words = CASES[name]
    assert words in getattr(rearranged, name)(bug)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    assert getattr(rearranged, name)(CASES[name][1]) == ""


@pytest.mark.parametrize("axes", [(1, 0, 2, 3), (3, 2, 1, 0), (0, 3, 1, 2)])
def test_any_order_of_axes(axes: tuple[int, ...]) -> None:
    wrong = HEADS.transpose(axes).reshape(HEADS.shape)
    words = rearranged.transposed(evidence(wrong, HEADS))
    assert words == f"analytic = numeric with its axes in the order {axes}, then reshaped to fit"


def test_transposed_then_reshaped() -> None:
    words = rearranged.transposed(evidence(G.T.reshape(G.shape), G))
    assert words == "analytic = numeric transposed, then reshaped to fit"


def test_heads_merged_without_a_transpose() -> None:
    right = draw(2, 5, 12)
    wrong = right.reshape(2, 5, 3, 4).swapaxes(1, 2).reshape(right.shape)
    words = rearranged.transposed(evidence(wrong, right))
    assert "its last axis split into 3 x 4, heads and time mixed" in words


def test_features_read_in_the_other_order() -> None:
    right = draw(5, 12)
    wrong = right.reshape(5, 3, 4).swapaxes(1, 2).reshape(right.shape)
    assert "read as 4 x 3 for 3 x 4" in rearranged.transposed(evidence(wrong, right))


@pytest.mark.parametrize("by", [1, -1])
def test_moved_without_wrapping_around(by: int) -> None:
    moved = np.zeros_like(LONG)
    if by > 0:
        moved[1:] = LONG[:-1]
    else:
        moved[:-1] = LONG[1:]
    words = rearranged.shifted(evidence(moved, LONG))
    assert words == f"analytic = numeric moved by {by} along axis 0, without wrapping around"


def test_copies_of_one_slice_are_no_order() -> None:
    assert rearranged.permuted(evidence(np.repeat(G[1:2], 4, axis=0), G)) == ""


def test_an_order_names_every_slice_once() -> None:
    zeros = np.concatenate([G, np.zeros((3, 5))])
    words = rearranged.permuted(evidence(zeros[[4, 0, 1, 5, 2, 6, 3]], zeros))
    assert words == "slices along axis 0 in another order: 4, 0, 1, 6, 2, 5, 3"


def test_slices_that_are_lost_are_no_order() -> None:
    zeros = np.concatenate([G, np.zeros((3, 5))])
    assert rearranged.permuted(evidence(zeros[[4, 0, 1, 5, 2, 6, 4]], zeros)) == ""


def test_a_part_of_the_true_gradient_is_enough() -> None:
    grid = (np.array([0, 2, 3]), np.array([1, 3]))
    e = evidence(SQUARE.T, SQUARE)
    sampled = Evidence(
        "w", e.value, SQUARE.T, SQUARE[np.ix_(*grid)], e.is_wrong[np.ix_(*grid)], grid=grid
    )
    assert rearranged.transposed(sampled) == "analytic = numeric transposed"


ANGLES = np.arange(1.0, 4.0)[:, None] * np.array([0.3, 0.05])  # (3, 2): position by pair


def turned(by: float, *, spoiled: float = 0.0) -> Evidence:
    """Pairs (k, k + 2) of the last axis, rotated by a multiple of the angles."""
    right = draw(2, 3, 4)
    pairs = (right[..., :2] + 1j * right[..., 2:]) * np.exp(1j * by * ANGLES)
    pairs[1, 2, 0] += spoiled
    return evidence(np.concatenate([pairs.real, pairs.imag], axis=-1), right)


def test_pairs_in_another_direction() -> None:
    assert rearranged.rotated(turned(-2)).startswith("pairs (k, k + 2) of axis 2 have the right")


def test_neighbors_may_be_pairs() -> None:
    e = turned(-2)
    order = [0, 2, 1, 3]
    assert "(2k, 2k + 1)" in rearranged.rotated(
        evidence(e.whole[..., order], e.numeric[..., order])
    )


def test_pairs_of_another_length_are_a_near_miss() -> None:
    assert rearranged.rotated(turned(-2, spoiled=1e-3)) == ""


def test_pairs_that_turn_at_random_are_a_near_miss() -> None:
    right = draw(2, 3, 4)
    pairs = (right[..., :2] + 1j * right[..., 2:]) * np.exp(1j * draw(2, 3, 2, seed=5))
    assert rearranged.rotated(evidence(np.concatenate([pairs.real, pairs.imag], -1), right)) == ""


def test_equal_slices_may_stand_for_each_other() -> None:
    right = G[[0, 1, 0, 2, 3]]
    found = rearranged.permuted(evidence(G[[0, 0, 1, 2, 3]], right))
    assert found.startswith("slices along axis 0 in another order")
    assert rearranged.permuted(evidence(G[[0, 1, 1, 2, 3]], right)) == ""
