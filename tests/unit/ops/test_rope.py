"""Rotary positions: rotations, of which only differences matter."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import rope_bwd, rope_fwd
from capstone.ops.rope import TABLE_ROWS, _table, rotation
from strategies import generators, lengths
from unit.closeness import distance

widths = st.sampled_from([2, 4, 6])
offsets = st.integers(-1000, 1000)


@given(generators, lengths, widths, offsets)
def test_norms_are_preserved(rng, T, K, offset):
    x = rng.standard_normal((2, T, K))
    y, _ = rope_fwd(x, offset=offset)
    norms = np.linalg.norm(x, axis=-1)
    assert distance(np.linalg.norm(y, axis=-1), norms) <= tolerances.ROTATION


@given(generators, lengths, widths, offsets)
def test_backward_undoes_forward(rng, T, K, offset):
    x = rng.standard_normal((2, T, K))
    y, saved = rope_fwd(x, offset=offset)
    assert distance(rope_bwd(y, saved)[0], x) <= tolerances.ROTATION


@given(generators, lengths, widths, offsets, offsets)
def test_scores_depend_on_the_distance_of_positions_only(rng, T, K, offset, shift):
    q, k = rng.standard_normal((2, T, K))

    def scores(start):
        rotated_q, rotated_k = (rope_fwd(x, offset=start)[0] for x in (q, k))
        return rotated_q @ rotated_k.T

    scale = np.linalg.norm(q, axis=-1)[:, None] * np.linalg.norm(k, axis=-1)
    error = np.abs(scores(offset + shift) - scores(offset))
    assert (error <= tolerances.ROTATED_SCORE * scale).all()


@given(generators, lengths, widths, st.integers(0, 5))
def test_an_offset_is_a_place_in_a_longer_sequence(rng, T, K, offset):
    x = rng.standard_normal((offset + T, K))
    y, _ = rope_fwd(x)
    np.testing.assert_array_equal(rope_fwd(x[offset:], offset=offset)[0], y[offset:])


@given(generators, widths)
def test_position_zero_is_not_rotated(rng, K):
    x = rng.standard_normal((1, K))
    np.testing.assert_array_equal(rope_fwd(x)[0], x)


@pytest.mark.parametrize("position", [1, 2, 50])
def test_the_first_pair_turns_by_one_radian_a_token(position):
    y, _ = rope_fwd(np.array([[1.0, 0.0]]), offset=position)
    assert y.tolist() == [[math.cos(position), math.sin(position)]]


def test_a_feature_is_paired_with_the_one_half_a_width_away():
    y, _ = rope_fwd(np.array([[0.0, 1.0, 0.0, 0.0]]), offset=100, base=100.0)
    angle = 100 * 100.0**-0.5  # the second of two pairs: base ** (-2 k / K) with k = 1, K = 4
    assert distance(y, [[0.0, math.cos(angle), 0.0, math.sin(angle)]]) <= tolerances.ROTATION


def test_float32_angles_are_rounded_once():
    cos, sin = rotation(5, 4, 10_000, 10_000.0, np.dtype(np.float32))
    cos_exact, sin_exact = rotation(5, 4, 10_000, 10_000.0, np.dtype(np.float64))
    np.testing.assert_array_equal(cos, cos_exact.astype(np.float32))
    np.testing.assert_array_equal(sin, sin_exact.astype(np.float32))


@pytest.mark.parametrize("offset", [0, 1, 63, 64, 130])
@pytest.mark.parametrize("T", [0, 1, 64, 200])
def test_a_row_of_a_table_belongs_to_its_position_wherever_the_table_begins(offset, T):
    angles = 10_000.0, np.dtype(float)
    whole = np.array(rotation(400, 4, 0, *angles))  # cosines and sines, (2, 400, K)
    part = np.array(rotation(T, 4, offset, *angles))
    np.testing.assert_array_equal(part, whole[:, offset : offset + T])


def test_the_remembered_tables_are_read_only():
    for table in rotation(5, 4, 0, 10_000.0, np.dtype(np.float64)):
        assert not table.flags.writeable


def test_a_text_that_grows_needs_a_table_for_every_64_positions_wherever_it_is():
    _table.cache_clear()
    for offset in range(10_000_001, 10_000_001 + 2 * TABLE_ROWS):
        cos, _ = rotation(1, 4, offset, 10_000.0, np.dtype(np.float64))
        assert cos.base.shape == (TABLE_ROWS, 4)
    assert _table.cache_info().misses == 3  # the first one from its second row on


@pytest.mark.parametrize("offset", [np.uint8(250), np.int8(120), np.uint64(70)])
def test_the_offset_may_be_any_whole_number(offset):
    x = np.random.default_rng(0).standard_normal((9, 4))
    np.testing.assert_array_equal(rope_fwd(x, offset=offset)[0], rope_fwd(x, offset=int(offset))[0])


def test_an_offset_between_positions_is_refused():
    message = r"^rope_fwd: offset must be a whole number: expected such as 3, got 2\.0$"
    with pytest.raises(UsageError, match=message):
        rope_fwd(np.ones((3, 4)), offset=2.0)


def test_an_odd_width_is_named():
    message = r"^rope_fwd: K must be divisible by 2: expected K % 2 == 0, got K = 5$"
    with pytest.raises(UsageError, match=message):
        rope_fwd(np.ones((3, 5)))


def test_integers_are_rejected():
    message = r"^rope_fwd: x must be a floating-point array: .*, got int64$"
    with pytest.raises(UsageError, match=message):
        rope_fwd(np.ones((3, 4), np.int64))
