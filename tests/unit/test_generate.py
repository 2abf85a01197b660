"""The loop around the model: what is yielded, what the model sees, where a text ends."""

import math

import numpy as np
import pytest

import capstone.generate
from capstone.data import batching
from capstone.errors import NonFiniteError, UsageError
from capstone.generate import opening, sample_next, stream, stream_batch
from unit.test_sample_next import SETTINGS


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
