"""Sampling: the sets that top-k and top-p keep, greedy, and the loop around the model."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import capstone.generate
import tolerances
from capstone.data import batching
from capstone.errors import NonFiniteError, UsageError
from capstone.generate import next_distribution, opening, sample_next, stream, stream_batch

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


def counting(tokens):
    """A model that is sure that the next token is the last one plus one, modulo 10."""
    return 50.0 * np.eye(10)[(tokens + 1) % 10]  # (1, T, V)


def undecided(tokens):
    """A model that finds all ten tokens equally likely."""
    return np.zeros((*tokens.shape, 10))  # (1, T, V)


def generate(forward, prompt, **options):
    defaults = {"context": 4, "max_new_tokens": 5}
    return list(stream(forward, np.array(prompt), **defaults | options))


def test_the_prompt_is_continued():
    assert generate(counting, [1, 2], temperature=0) == [3, 4, 5, 6, 7]


def test_only_the_new_tokens_are_yielded_as_they_are_drawn():
    calls = []

    def forward(tokens):
        calls.append(tokens)
        return counting(tokens)

    tokens = stream(forward, np.array([1]), context=4, max_new_tokens=5)
    assert (next(tokens), len(calls)) == (2, 1)


def test_a_row_that_ended_has_no_more_tokens():
    prompts = np.array([[1, 2], [5, 6], [8, 9]])
    options = {"context": 4, "max_new_tokens": 9, "temperature": 0, "stop": {4, 9}}
    rows = list(stream_batch(counting, prompts, **options))
    assert rows == [[3, 7, 0], [None, 8, 1], [None, None, 2], [None, None, 3]]


def test_ended_rows_draw_no_more():
    def forward(tokens):
        logits = counting(tokens)
        logits[0, -1] = np.nan if tokens.shape[-1] > 1 else logits[0, -1]
        return logits

    options = {"context": 4, "max_new_tokens": 3, "temperature": 0, "stop": np.array([2])}
    rows = list(stream_batch(forward, np.array([[1], [5]]), **options))
    assert rows == [[None, 6], [None, 7], [None, 8]]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint64])
def test_prompts_of_any_integers_are_continued(dtype):
    forward = lambda tokens: 50.0 * np.eye(300)[(tokens + 100) % 300]  # noqa: E731
    prompt = np.array([90], dtype)
    assert generate(forward, prompt, temperature=0, max_new_tokens=3) == [190, 290, 90]


def test_the_seed_of_a_row_does_not_wrap_around():
    options = {"context": 4, "max_new_tokens": 5}
    prompts = np.ones((2, 1), int)
    rows = list(stream_batch(undecided, prompts, seed=np.uint8(255), **options))
    assert [b for _, b in rows] == generate(undecided, [1], seed=256)


def test_prompts_of_different_lengths_are_rejected():
    words = r"the prompts must have one length: expected ids of shape \(B, N\), got lengths"
    with pytest.raises(UsageError, match=words):
        stream_batch(counting, [[1, 2], [3]], context=4, max_new_tokens=1)


def test_rows_that_share_a_generator_draw_from_it_in_turn():
    rng = np.random.default_rng(0)
    row, *_ = stream_batch(undecided, np.ones((3, 1), int), context=4, max_new_tokens=1, seed=rng)
    twin = np.random.default_rng(0)
    assert row == [sample_next(np.zeros(10), rng=twin) for _ in range(3)]


@pytest.mark.parametrize("shape", [(3,), (0, 2), (2, 0), (1, 2, 3)])
def test_prompts_that_are_no_batch_are_rejected(shape):
    words = r"stream: the prompt must hold at least one token: expected ids of shape \(B, N\) with"
    with pytest.raises(UsageError, match=words):
        stream_batch(counting, np.ones(shape, int), context=4, max_new_tokens=1)


def test_the_model_sees_the_last_context_tokens_and_no_more():
    seen = []

    def forward(tokens):
        seen.append(tokens.tolist())
        return counting(tokens)

    generate(forward, [7, 8, 1, 2], context=3, max_new_tokens=3, temperature=0)
    assert seen == [[[8, 1, 2]], [[1, 2, 3]], [[2, 3, 4]]]


def test_the_model_gets_integers():
    dtypes = []

    def forward(tokens):
        dtypes.append(tokens.dtype)
        return counting(tokens)

    generate(forward, [7])
    assert all(np.issubdtype(dtype, np.integer) for dtype in dtypes)


def test_the_stop_token_ends_the_text_and_is_not_yielded():
    assert generate(counting, [1], temperature=0, stop={4, 9}) == [2, 3]


def test_a_stop_token_in_the_prompt_does_not_end_the_text():
    assert generate(counting, [4], temperature=0, stop=[4], max_new_tokens=2) == [5, 6]


def test_the_same_seed_gives_the_same_text():
    first, second = (generate(undecided, [1], seed=3, max_new_tokens=30) for _ in range(2))
    assert first == second


def test_another_seed_gives_another_text():
    first, second = (generate(undecided, [1], seed=seed, max_new_tokens=30) for seed in (3, 4))
    assert first != second


def test_sampling_has_a_stream_of_its_own(monkeypatch):
    before = generate(undecided, [1], seed=3, max_new_tokens=30)
    monkeypatch.setattr(capstone.generate, "SAMPLING_STREAM", 99)
    assert generate(undecided, [1], seed=3, max_new_tokens=30) != before


def test_no_two_streams_of_a_seed_are_the_same():
    streams = [
        capstone.generate.SAMPLING_STREAM,
        batching.RANDOM_BATCH_STREAM,
        batching.EPOCH_STREAM,
    ]
    assert len(set(streams)) == len(streams)


def test_a_generator_goes_on_where_it_is():
    rng = np.random.default_rng(0)
    first, second = (generate(undecided, [1], seed=rng, max_new_tokens=30) for _ in range(2))
    assert first != second


def test_the_filters_reach_the_draw():
    assert generate(lambda tokens: counting(tokens) / 50, [1], top_k=1) == [2, 3, 4, 5, 6]
    assert generate(lambda tokens: counting(tokens) / 50, [1], top_p=0.01) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *SETTINGS,
        ({"context": 0}, r"context must be a positive integer: .* got 0"),
        ({"max_new_tokens": 0}, r"max_new_tokens must be a positive integer: .* got 0"),
        ({"seed": -1}, r"seed must be a non-negative integer: expected seed >= 0, got -1"),
        ({"prompt": []}, r"the prompt must hold at least one token: .* got \(0,\)"),
        ({"prompt": [[1]]}, r"the prompt must hold at least one token: .* got \(1, 1\)"),
        ({"prompt": [0.5]}, r"the prompt must hold token ids: expected integers >= 0, got float64"),
        ({"prompt": [3, -1]}, r"the prompt must hold token ids: expected integers >= 0, got -1"),
    ],
)
def test_arguments_are_checked_before_the_first_token(changes, message):
    arguments = {"prompt": [1], "context": 4, "max_new_tokens": 5} | changes
    with pytest.raises(UsageError, match=rf"^stream: {message}$"):
        stream(counting, **arguments)


def test_a_nan_from_the_model_is_reported():
    tokens = stream(
        lambda tokens: counting(tokens) * math.nan, np.array([1]), context=4, max_new_tokens=5
    )
    with pytest.raises(NonFiniteError, match=r"logits must be finite: .* got nan for token 0$"):
        next(tokens)


@pytest.mark.parametrize(("characters", "first"), [("\n ab", "\n"), (" ab", " "), ("b", "b")])
def test_without_a_prompt_a_text_starts_with_a_known_character(characters, first):
    assert opening(characters) == first
