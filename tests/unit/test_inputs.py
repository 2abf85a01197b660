"""The drawn inputs have what exposes a wrong gradient."""

import numpy as np

from capstone import inputs


def rng():
    return np.random.default_rng(0)


def test_signed_entries_have_both_signs_and_are_not_small():
    drawn = inputs.signed(rng(), 100)
    assert (drawn < 0).any()
    assert (drawn > 0).any()
    assert ((np.abs(drawn) >= 0.5) & (np.abs(drawn) <= 2)).all()


def test_uneven_rows_differ_in_scale():
    sizes = np.abs(inputs.uneven_rows(rng(), 3, 200)).mean(axis=-1)
    assert sizes.max() > 100 * sizes.min()


def test_rows_near_eps_are_small_and_one_is_zero():
    drawn = inputs.rows_near_eps(rng(), 2, 3, 5)
    assert not drawn[0, 0].any()
    assert 0 < np.abs(drawn[1]).max() < 0.1


def test_saturated_entries_include_those_where_a_sigmoid_is_flat_or_turns():
    drawn = inputs.saturated(rng(), 2, 5).ravel().tolist()
    assert {0.0, 45.0, -45.0} <= set(drawn)


def test_tokens_repeat_and_one_is_absent():
    drawn = inputs.tokens(rng(), 7, 2, 5).ravel().tolist()
    assert {0, 6} <= set(drawn) < set(range(7))
    assert len(set(drawn)) < len(drawn)


def test_some_targets_are_ignored():
    drawn = inputs.ignored_targets(rng(), 5, 2, 3)
    assert (drawn == -1).sum() == 2
    assert drawn.max() == 4


def test_offsets_have_both_signs():
    assert inputs.offsets(2, 3, 1).ravel().tolist() == [-9, 3, -9, 3, -9, 3]
