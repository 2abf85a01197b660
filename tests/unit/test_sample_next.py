"""One draw: the sets that top-k and top-p keep, and the greedy choice."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tolerances
from capstone.errors import NonFiniteError, UsageError
from capstone.generate import next_distribution, sample_next

rows = arrays(np.float64, st.integers(1, 30), elements=st.floats(-20, 20))
temperatures = st.floats(0.01, 100)


@given(rows, temperatures, st.none() | st.integers(1, 40), st.none() | st.floats(0.01, 1.0))
def test_probabilities_sum_to_one(logits, temperature, top_k, top_p):
    p = next_distribution(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    assert p.shape == logits.shape
    assert abs(math.fsum(p) - 1) <= tolerances.PROBABILITY_SUM


@given(rows, temperatures)
def test_without_filters_it_is_the_softmax_of_the_scaled_logits(logits, temperature):
    weights = np.exp((logits - logits.max()) / temperature)
    p = next_distribution(logits, temperature=temperature)
    assert np.abs(p - weights / weights.sum()).max() <= tolerances.PROBABILITY_SUM


@given(rows, st.integers(1, 40))
def test_top_k_keeps_k_of_the_likeliest(logits, top_k):
    kept = next_distribution(logits, top_k=top_k) > 0
    assert kept.sum() == min(top_k, logits.size)
    assert kept.all() or logits[kept].min() >= logits[~kept].max()


@given(rows, st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logits, top_p):
    everything = next_distribution(logits)
    kept = next_distribution(logits, top_p=top_p) > 0
    mass = everything[kept].sum()
    assert mass >= top_p - tolerances.PROBABILITY_SUM
    assert mass - everything[kept].min() < top_p + tolerances.PROBABILITY_SUM
    assert kept.all() or logits[kept].min() >= logits[~kept].max()


@given(rows, st.integers(1, 40), st.floats(0.01, 1.0))
def test_kept_tokens_keep_their_proportions(logits, top_k, top_p):
    everything = next_distribution(logits)
    p = next_distribution(logits, top_k=top_k, top_p=top_p)
    expected = np.where(p > 0, everything, 0) / everything[p > 0].sum()
    assert np.abs(p - expected).max() <= tolerances.PROBABILITY_SUM


def test_top_p_acts_on_what_top_k_left():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    # Of the two that top-k leaves, the first has 4/7 of the mass; of all four only 2/5.
    assert np.flatnonzero(next_distribution(logits, top_k=2, top_p=0.5)).tolist() == [0]
    assert np.flatnonzero(next_distribution(logits, top_p=0.5)).tolist() == [0, 1]


def test_temperature_acts_before_top_p():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    assert np.flatnonzero(next_distribution(logits, temperature=0.1, top_p=0.5)).tolist() == [0]


@given(rows, st.floats(1e-300, 0.01))
def test_a_tiny_top_p_keeps_the_likeliest_token(logits, top_p):
    p = next_distribution(logits, top_p=top_p)
    assert np.flatnonzero(p).tolist() == [logits.argmax()]


def test_top_p_of_one_keeps_everything():
    assert (next_distribution(np.arange(5.0), top_p=1.0) > 0).all()


def test_a_tie_goes_to_the_lower_id():
    p = next_distribution(np.array([1.0, 2.0, 2.0, 2.0]), top_k=2)
    assert np.flatnonzero(p).tolist() == [1, 2]


@given(rows)
def test_temperature_zero_is_greedy(logits):
    token = sample_next(logits, temperature=0, rng=np.random.default_rng(0))
    assert token == logits.argmax()


@pytest.mark.parametrize("temperature", [1e-310, 1e-300])
def test_tiny_temperatures_neither_overflow_nor_warn(temperature):
    p = next_distribution(np.array([0.0, 1e30, -1e30]), temperature=temperature)
    assert p.argmax() == 1


def test_float32_logits_may_be_as_far_apart_as_float32_goes():
    logits = np.array([-3e38, 3e38], dtype=np.float32)
    assert next_distribution(logits).tolist() == [0.0, 1.0]


def test_draws_follow_the_distribution():
    rng = np.random.default_rng(0)
    logits = np.log([0.7, 0.3])
    ones = sum(sample_next(logits, rng=rng) for _ in range(1000))
    assert 250 <= ones <= 350  # 300 expected; 50 is 3.4 standard deviations


def test_a_draw_is_a_python_integer():
    assert type(sample_next(np.zeros(3), rng=np.random.default_rng(0))) is int


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_rejected(value):
    message = rf"^sample_next: logits must be finite: expected numbers, got {value} for token 1$"
    with pytest.raises(NonFiniteError, match=message):
        sample_next(np.array([0.0, value]), rng=np.random.default_rng(0))


@pytest.mark.parametrize("logits", [np.zeros((1, 3)), np.zeros(0)], ids=["2-D", "empty"])
def test_logits_that_are_no_row_are_rejected(logits):
    message = r"^sample_next: logits must be one row: expected shape \(V,\) with V >= 1, got \("
    with pytest.raises(UsageError, match=message):
        sample_next(logits, rng=np.random.default_rng(0))


def test_integer_logits_are_rejected():
    with pytest.raises(UsageError, match=r"^sample_next: logits must be a floating-point array"):
        sample_next(np.array([1, 2]), rng=np.random.default_rng(0))


SETTINGS = [
    ({"temperature": -0.5}, r"temperature must be 0 \(greedy\) or positive: .* got -0.5"),
    ({"temperature": math.nan}, r"temperature must be 0 \(greedy\) or positive: .* got nan"),
    ({"top_k": 0}, r"top_k must be a positive integer: expected top_k >= 1, got 0"),
    ({"top_p": 0.0}, r"top_p must lie in \(0, 1\]: expected 0 < top_p <= 1, got 0.0"),
    ({"top_p": 1.1}, r"top_p must lie in \(0, 1\]: expected 0 < top_p <= 1, got 1.1"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_settings_out_of_range_are_rejected(settings, message):
    with pytest.raises(UsageError, match=rf"^sample_next: {message}$"):
        sample_next(np.zeros(3), rng=np.random.default_rng(0), **settings)
