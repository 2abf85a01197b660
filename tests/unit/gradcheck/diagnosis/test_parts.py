"""Gradients that are right for another dy; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.parts import forward_again, moved, partial, reassigned
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

DY, J = draw(3, 4), draw(20, 3, 4, seed=3)


def right_for(other: Array, spoiled: float = 0.0) -> Evidence:
    """A gradient of 20 entries that is right for another dy."""
    analytic = J.reshape(20, -1) @ other.reshape(-1)
    analytic[7] += spoiled
    numeric = J.reshape(20, -1) @ DY.reshape(-1)
    return evidence(analytic, numeric, dy=DY, jacobian=lambda: J)


def counted(*weights: float) -> Array:
    return DY * np.array(weights)[:, None]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ((1, 0, 0), "dy counted only at index 0 of axis 0: is a part of the sum left out?"),
        ((1, 1, 0), "dy counted at all but index 2 of axis 0"),
        ((1, 0.5, 2), "the slices of dy along axis 0 counted 1, 0.5, 2 times"),
        ((1 - 1e-9, 0.5, 2), "the slices of dy along axis 0 counted 1, 0.5, 2 times"),
    ],
)
def test_a_part_of_dy(weights: tuple[float, ...], words: str) -> None:
    assert words in partial(right_for(counted(*weights)))


def test_a_part_with_another_error_beside_it_is_a_near_miss() -> None:
    assert partial(right_for(counted(1, 0, 0), spoiled=1e-3)) == ""


def test_dy_in_another_order() -> None:
    assert "right for dy reversed along axis 1" in moved(right_for(DY[:, ::-1]))


def test_another_order_with_another_error_beside_it_is_a_near_miss() -> None:
    assert moved(right_for(DY[:, ::-1], spoiled=1e-3)) == ""


def test_without_derivatives_nothing_is_said() -> None:
    e = evidence(draw(5), draw(5, seed=3), dy=DY)
    assert partial(e) == moved(e) == ""


def test_one_index_needs_no_spare_entries() -> None:
    dy, jacobian = draw(7, seed=5), draw(3, 7, seed=6)
    wrong, right = jacobian[:, 2] * dy[2], jacobian @ dy
    few = {"dy": dy, "jacobian": lambda: jacobian}
    assert "only at index 2 of axis 0" in partial(evidence(wrong, right, **few))
    assert "at all but index 2" in partial(evidence(right - wrong, right, **few))
    assert partial(evidence(right - 2 * wrong, right, **few)) == ""


@pytest.mark.parametrize(
    ("dy", "words"),
    [
        (np.roll(DY, 2, axis=1), "rolled by 2 along axis 1"),
        (DY.reshape(3, 2, 2).swapaxes(1, 2).reshape(3, 4), "axis 1 read as 2 x 2 for 2 x 2"),
    ],
)
def test_dy_farther_out_of_order(dy: Array, words: str) -> None:
    assert words in moved(right_for(dy))


def test_both_flips_missing() -> None:
    dy, jacobian = draw(5, seed=5), draw(5, 5, seed=6)
    given = {"dy": dy, "jacobian": lambda: jacobian}
    twice = evidence((jacobian @ dy[::-1])[::-1], jacobian @ dy, **given)
    assert "reversed along axis 0 too: are both flips missing?" in moved(twice)


def test_dy_with_its_slices_in_any_order() -> None:
    words = "right for dy with its slices along axis 0 in the order 1, 0, 2"
    assert reassigned(right_for(DY[[1, 0, 2]])).startswith(words)
    assert reassigned(right_for(DY[[1, 0, 2]], spoiled=1e-3)) == ""


def test_slices_of_dy_that_stand_for_others() -> None:
    assert "along axis 0 in the order 0, 0, 2" in reassigned(right_for(DY[[0, 0, 2]]))
    assert reassigned(right_for(draw(3, 3, seed=5) @ DY)) == ""  # mixed: no order


def test_an_order_takes_spare_entries() -> None:
    dy, jacobian = draw(3, seed=5), draw(9, 3, seed=6)
    few = evidence(jacobian @ dy[[1, 0, 2]], jacobian @ dy, dy=dy, jacobian=lambda: jacobian)
    assert reassigned(few) == ""


def test_weights_that_are_1_to_rounding_are_no_part() -> None:
    assert partial(right_for(counted(1 + 1e-8, 1 - 1e-8, 1 + 2e-8))) == ""


def mixed(matrix: Array, spoiled: float = 0.0) -> Evidence:
    """Of y = matrix @ v, with the matrix where its transpose belongs."""
    dy = draw(4, 3, seed=7)
    analytic = matrix @ dy
    analytic[1, 1] += spoiled
    jacobian = np.einsum("st,kl->tksl", matrix, np.eye(3)).reshape(12, 4, 3)
    return evidence(analytic, matrix.T @ dy, dy=dy, jacobian=lambda: jacobian)


def test_what_the_forward_pass_makes_of_dy() -> None:
    words = "analytic = what the forward pass makes of dy"
    weights = np.exp(draw(4, 4, seed=8))
    assert forward_again(mixed(weights)).startswith(words)
    assert forward_again(mixed(weights, spoiled=1e-3)) == ""
    sums = np.tril(np.ones((4, 4)))
    assert forward_again(mixed(sums)).startswith(words)
    assert forward_again(mixed(sums, spoiled=1e-3)) == ""


def test_a_sum_over_the_other_axis_of_a_square_is_offered_beside_a_transposition() -> None:
    dy, ones = draw(4, 4, seed=5), np.ones(4)
    jacobian = np.einsum("i,jk->kij", ones, np.eye(4))
    e = evidence(dy.sum(1), dy.sum(0), dy=dy, jacobian=lambda: jacobian)
    assert "in another order than the output, or summed over the wrong axis?" in moved(e)
