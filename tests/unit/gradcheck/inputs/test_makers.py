"""The properties that each kind of designed array promises, at many seeds."""

import numpy as np
import pytest

from capstone.gradcheck import design
from tolerances import SUM_OF_TWO

SEEDS = range(20)


def drawn(text, **sizes):
    """The array of a specification, once for every seed."""
    return [design({"x": text}, seed=seed, sizes=sizes)["x"] for seed in SEEDS]


def scales(x):
    return np.sort(np.abs(x).max(axis=-1).reshape(-1))


@pytest.mark.parametrize("kind", ["rows", "weight", "saturated", "positive", "distinct", "unit"])
def test_a_square_matrix_is_not_symmetric(kind) -> None:
    assert not any(np.isclose(x, x.T).sum() > len(x) for x in drawn(f"{kind}: D D"))


def test_rows_have_three_scales_each_as_often() -> None:
    for x in drawn("B T 99"):
        found = scales(x).reshape(3, 5)
        assert found[0].max() < 0.1 < found[1].min()
        assert found[1].max() < found[2].min()


def test_rows_of_one_scale_do_not_stand_on_one_axis() -> None:
    assert any(len(set((np.abs(x).max(axis=-1) < 0.1).sum(axis=0))) > 1 for x in drawn("B T 99"))


@pytest.mark.parametrize("text", ["rows: 99", "rows: 1 99"])
def test_a_single_row_is_of_ordinary_size(text) -> None:
    assert all(0.5 < x.std() < 2 for x in drawn(text))


@pytest.mark.parametrize("text", ["gain: 9", "gain: 3 3", "positive: 9"])
def test_gains_and_positive_entries_are_away_from_0_and_1(text) -> None:
    for x in map(np.abs, drawn(text)):
        assert (x >= 0.5).all()
        assert (x <= 2).all()
        assert (np.abs(x - 1) >= 0.2).all()


def test_gains_have_as_many_of_one_sign_as_of_the_other_or_one_more() -> None:
    assert {int(np.sign(x).sum()) for x in drawn("9")} == {-1, 1}
    assert {int(np.sign(x).sum()) for x in drawn("8")} == {0}


def test_a_single_number_may_have_either_sign() -> None:
    assert {float(np.sign(x)) for x in drawn("")} == {-1.0, 1.0}


def test_positive_entries_are_positive() -> None:
    assert all((x > 0).all() for x in drawn("positive: B T"))


def test_products_with_a_weight_keep_their_size() -> None:
    assert all(0.8 < x.std() * 10 < 1.2 for x in drawn("weight: 100 F"))


def test_saturated_entries_are_far_out_near_0_and_in_between() -> None:
    for x in drawn("saturated: B T D"):
        size = np.abs(x)
        assert (x == 45).sum() == (x == -45).sum() == 1
        assert (size == 1e-8).sum() == 2
        assert ((size > 0.1) & (size < 10)).mean() > 0.25
        assert not (x == 0).any()


def test_most_of_a_small_saturated_array_is_moderate() -> None:
    assert all((np.abs(x) == 45).sum() <= 1 for x in drawn("saturated: 3"))


def test_shifted_rows_lie_on_either_side_of_0() -> None:
    for x in drawn("shifted: B T 99"):
        middles = np.sort(x.mean(axis=-1).reshape(-1))
        assert (np.abs(middles[:7] + 9) < 0.5).all()
        assert (np.abs(middles[7:] - 3) < 0.5).all()


@pytest.mark.parametrize("text", ["shifted: 99", "shifted: "])
def test_a_single_row_is_shifted_too(text) -> None:
    assert all(-1 < x.mean() < 7 for x in drawn(text))


@pytest.mark.parametrize("text", ["distinct: 1", "distinct: 5", "distinct: 4 3"])
def test_distinct_entries_are_apart_and_away_from_0(text) -> None:
    for x in drawn(text):
        gap = 4 / x.size
        assert (np.diff(np.sort(x.reshape(-1))) > gap / 2).all()
        assert (np.abs(x) > gap / 10).all()
        assert (np.abs(x) < 2).all()


@pytest.mark.parametrize("text", ["unit: 5", "unit: B T", "unit: "])
def test_unit_rows_have_length_1(text) -> None:
    for x in drawn(text):
        lengths = np.sqrt(np.atleast_1d(x * x).sum(axis=-1))
        assert (np.abs(lengths - 1) < SUM_OF_TWO).all()


@pytest.mark.parametrize("text", ["probabilities: 5", "probabilities: B T"])
def test_probabilities_are_positive_and_sum_to_1(text) -> None:
    for x in drawn(text):
        assert (x > 0).all()
        assert (np.abs(x.sum(axis=-1) - 1) < SUM_OF_TWO).all()


@pytest.mark.parametrize("text", ["mask: 3 5", "mask: B T S"])
def test_a_mask_has_a_full_an_empty_and_a_mixed_row(text) -> None:
    for x in drawn(text):
        hidden = x.reshape(-1, x.shape[-1]).mean(axis=-1)
        assert (hidden == 1).any()
        assert (hidden == 0).any()
        assert ((hidden > 0) & (hidden < 1)).any()


@pytest.mark.parametrize("text", ["mask: 2", "mask: 1 2", "mask: 1 7"])
def test_a_mask_of_one_row_is_mixed(text) -> None:
    assert all(x.any() and not x.all() for x in drawn(text))


def test_a_causal_mask_hides_the_future_and_nothing_from_the_last_query() -> None:
    expected = [[False, True, True], [False, False, True], [False, False, False]]
    assert design({"x": "causal: 3 3"})["x"].tolist() == expected
    assert design({"x": "causal: 2 3"})["x"].tolist() == expected[1:]
    assert design({"x": "causal: 4 2 3"})["x"].tolist() == [expected[1:]] * 4
    assert design({"x": "causal: 3"})["x"].tolist() == expected[2]


@pytest.mark.parametrize("text", ["B T < 7", "9 < 7", "B T < 1009"])
def test_ids_repeat_and_touch_both_ends_and_leave_one_out(text) -> None:
    limit = int(text.split()[-1])
    for ids in drawn(text):
        assert len(np.unique(ids)) < ids.size
        assert (ids.min(), ids.max()) == (0, limit - 1)
        assert limit // 2 not in ids


def test_every_other_id_may_occur() -> None:
    assert set(np.unique(drawn("99 < 7"))) == {0, 1, 2, 4, 5, 6}


@pytest.mark.parametrize(("text", "most"), [("9 < 2", 1), ("9 < 1", 0), ("1 < 7", 6), (" < 7", 6)])
def test_ids_stay_below_a_small_limit(text, most) -> None:
    assert all(x.min() >= 0 and x.max() == most for x in drawn(text))


@pytest.mark.parametrize("text", ["2 < 7 or -1", "3 < 7 or -1", "5 < 7 or -1", "B T < 7 or -1"])
def test_some_positions_are_ignored_and_some_are_not(text) -> None:
    assert all(0 < (x == -1).sum() <= x.size // 2 for x in drawn(text))


def test_a_quarter_of_the_positions_is_ignored() -> None:
    assert {int((x == -100).sum()) for x in drawn("20 < 7 or -100")} == {5}


def test_the_only_position_is_not_ignored() -> None:
    assert all(x == 6 for x in drawn("1 < 7 or -1"))


def test_ignored_positions_do_not_replace_the_ids_that_must_occur() -> None:
    assert all({0, 6} <= set(x) for x in drawn("9 < 7 or -1"))
