"""Where a constant factor may come from."""

from typing import Any

import numpy as np
import pytest

from capstone.gradcheck.diagnosis.sizes import origin_of
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

G = draw(7, 11)
IDS = np.array([3, -1, 2, 5, 0, -1])


@pytest.mark.parametrize(
    ("factor", "rest", "words"),
    [
        (7.0, {}, "7 = the size of axis 0 of w (a sum for a mean?)"),
        (1 / 11, {}, "1/11, 11 = the size of axis 1 of w (a mean for a sum?)"),
        (-7.0, {}, "7 = the size of axis 0 of w"),
        (7**0.5, {}, "sqrt(7), 7 = the size of axis 0 of w (is a scale 1/sqrt(7) missing?)"),
        (11**-0.5, {}, "1/sqrt(11), 11 = the size of axis 1 of w (is that scale applied twice?)"),
        (13.0, {"x": draw(13)}, "13 = the size of axis 0 of x"),
        (0.7, {"options": {"p": 0.3}}, "0.7 = 1 - p"),
        (0.3, {"options": {"p": 0.3}}, "0.3 = p"),
        (
            2.0,
            {"x": draw(12), "options": {"n_heads": 3}},
            "4 = the size of axis 0 of x / n_heads",
        ),
        (4.0, {"ids": IDS}, "4 = the entries of ids that are not ignored"),
        (5.0, {"mask": np.arange(9) > 3}, "5 = the entries of mask set"),
        (26.0, {"x": draw(2, 13, 5)}, "26 = the rows of x"),
        (77.0, {}, "77 = 7 x 11, sizes of axes (a sum for a mean?)"),
        (7 / 11, {}, "7 / 11, sizes of axes (a mean over the wrong axis?)"),
        (11 / 7, {}, "11 / 7, sizes of axes (a mean over the wrong axis?)"),
        (7 / 6, {}, "7 / (7 - 1), 7 = the size of axis 0 of w (n - 1 for n?)"),
        (6 / 7, {}, "(7 - 1) / 7, 7 = the size of axis 0 of w (n for n - 1?)"),
    ],
)
def test_a_size_at_hand(factor: float, rest: dict[str, Any], words: str) -> None:
    assert words in origin_of(factor, evidence(G, G, **rest))


@pytest.mark.parametrize("factor", [1 + 1e-9, -1.0, 1.7, 7.001, 83.0, 7 * 11 * 7.0])
def test_no_numerology(factor: float) -> None:
    assert origin_of(factor, evidence(G, G)) == ""


@pytest.mark.parametrize("factor", [2.0, 0.5, 3.0, -2.0])
def test_a_plain_number_needs_no_size(factor: float) -> None:
    assert origin_of(factor, evidence(draw(2, 4), draw(2, 4), x=draw(3, 9))) == ""


def test_a_plain_number_may_be_the_root_of_a_width_by_which_two_meet() -> None:
    words = origin_of(2.0, evidence(draw(7, 4), draw(7, 4), k=draw(5, 4)))
    assert words.startswith("2 = sqrt(4), 4 = the size of axis 1 of w")
    assert origin_of(2.0, evidence(draw(2, 4), draw(2, 4), k=draw(5, 4))) == ""
    assert origin_of(3.0, evidence(draw(7, 9), draw(7, 9), k=draw(7, 9), options={"n": 3})) == ""


def test_an_option_comes_before_a_size() -> None:
    words = origin_of(0.25, evidence(draw(4, 7), draw(4, 7), options={"keep": 0.25}))
    assert words == "0.25 = keep (a factor too many, or a division missing?)"


def test_a_size_is_offered_once() -> None:
    assert " or " not in origin_of(4.0, evidence(draw(4, 16), draw(4, 16)))


def test_no_mean_over_all_entries_keeps_them() -> None:
    assert origin_of(12.0, evidence(draw(3, 4), draw(3, 4), dy=draw(3, 4))) == ""
    words = origin_of(1 / 12, evidence(draw(1), draw(1), dy=draw(3, 4)))
    assert "1/12, 12 = the entries of dy (a mean for a sum?)" in words


def test_one_less_than_a_size_has_words_of_its_own() -> None:
    words = origin_of(1.5, evidence(draw(3), draw(3)))
    assert "3 / (3 - 1), 3 = the size of axis 0 of w (n - 1 for n?)" in words
