"""Text from a model: one distribution, one draw, and the loop that feeds the draws back."""

from collections.abc import Callable, Collection, Iterator
from functools import partial

import numpy as np

from capstone._checks import check_inexact, check_not_negative, check_positive, fail
from capstone._typing import Array, Seed
from capstone.errors import NonFiniteError

SAMPLING_STREAM = 3
"""Keeps the draws of `stream` apart from all other randomness of the same seed."""


def sample_next(
    logits: Array,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator,
) -> int:
    """Draw the next token.

    Args:
        logits: scores of the vocabulary (V,), finite.
        temperature: divides the logits; 0 always takes the highest one.
        top_k: keep only this many of the likeliest tokens, at least 1.
        top_p: then keep only the fewest likeliest tokens whose mass reaches this, in (0, 1].
        rng: where the draw comes from.

    Returns:
        A token id in [0, V).

    Raises:
        UsageError: A setting is out of range, or the logits are not a row of floats.
        NonFiniteError: A logit is NaN or infinite.
    """
    if temperature == 0:
        _check_settings("sample_next", temperature, top_k, top_p)
        _check_logits("sample_next", logits)
        return int(logits.argmax())  # the first of the highest ones
    probabilities = next_distribution(
        logits, temperature=temperature, top_k=top_k, top_p=top_p
    )  # (V,)
    return int(rng.choice(probabilities.size, p=probabilities))


def next_distribution(
    logits: Array,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Array:
    """The distribution that `sample_next` draws from, float64 (V,): temperature, top-k, top-p.

    Among equal logits the lower id counts as the likelier. The arguments and errors are those of
    `sample_next`.
    """
    _check_settings("sample_next", temperature, top_k, top_p)
    _check_logits("sample_next", logits)
    order = np.argsort(-logits, kind="stable")[: 1 if temperature == 0 else top_k]  # (k,)
    kept = _softmax(logits[order], temperature or 1.0)  # (k,), descending
    if top_p is not None:
        count = int(np.searchsorted(np.cumsum(kept), top_p)) + 1  # the one that reaches p stays
        order, kept = order[:count], kept[:count]  # (p,), (p,)
    probabilities = np.zeros(logits.shape)  # (V,)
    probabilities[order] = kept / kept.sum()
    return probabilities


def stream(
    forward: Callable[[Array], Array],
    prompt: Array,
    *,
    context: int,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: Seed = 0,
    stop: Collection[int] | None = None,
) -> Iterator[int]:
    """Continue the prompt, yielding each new token as soon as it is drawn.

    Args:
        forward: maps ids (1, T) to logits (1, T, V); it sees at most the last `context` ids.
        prompt: ids (N,), at least one, of any length.
        context: tokens that the model can look at, at least 1.
        max_new_tokens: tokens to yield at most, at least 1.
        temperature: divides the logits; 0 always takes the highest one.
        top_k: keep only this many of the likeliest tokens, at least 1.
        top_p: then keep only the fewest likeliest tokens whose mass reaches this, in (0, 1].
        seed: a whole number of at least 0, or a generator to go on with.
        stop: ids that end the text; they are not yielded.

    Returns:
        An iterator of token ids. The arguments are checked at once, not at its first item.

    Raises:
        UsageError: An argument is out of range, or the prompt is not a non-empty row of ids.
        NonFiniteError: While iterating, a logit is NaN or infinite.
    """
    prompt = np.asarray(prompt)  # (N,)
    _check_prompts("stream", prompt, "N")
    rows = stream_batch(
        forward,
        prompt[None],
        context=context,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
    )
    return (token for (token,) in rows if token is not None)


def stream_batch(
    forward: Callable[[Array], Array],
    prompts: Array,
    *,
    context: int,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: Seed = 0,
    stop: Collection[int] | None = None,
) -> Iterator[list[int | None]]:
    """Continue several prompts of one length together, yielding a token for each of them at a time.

    Args:
        forward: maps ids (B, T) to logits (B, T, V); it sees at most the last `context` ids.
        prompts: ids (B, N), at least one row of at least one.
        context: see `stream`, as for all that follow.
        max_new_tokens: see `stream`.
        temperature: see `stream`.
        top_k: see `stream`.
        top_p: see `stream`.
        seed: row b draws as a single prompt does with `seed + b`; all rows share a generator.
        stop: ids that end a row, which has no more tokens then.

    Returns:
        An iterator of B token ids, None for rows that have ended. It ends with the last row.

    Raises:
        UsageError: as `stream`.
        NonFiniteError: as `stream`.
    """
    check_positive("stream", context=context, max_new_tokens=max_new_tokens)
    _check_settings("stream", temperature, top_k, top_p)
    prompts = _as_batch("stream", prompts)  # (B, N)
    rngs = _generators("stream", seed, len(prompts))
    draw = partial(sample_next, temperature=temperature, top_k=top_k, top_p=top_p)
    start = prompts[:, -context:].astype(np.int64)  # (B, at most context)
    ends = frozenset(() if stop is None else stop)

    def rows() -> Iterator[list[int | None]]:
        windows, is_open = start, [True] * len(prompts)
        for _ in range(max_new_tokens):
            logits = forward(windows)[:, -1]  # (B, V)
            tokens: list[int | None] = [
                draw(row, rng=rng) if was_open else None
                for was_open, row, rng in zip(is_open, logits, rngs, strict=True)
            ]
            tokens = [None if token in ends else token for token in tokens]
            is_open = [token is not None for token in tokens]
            if not any(is_open):
                return
            yield tokens
            read = [[token or 0] for token in tokens]  # what ended rows read on does not matter
            windows = np.concatenate([windows, read], axis=1)[:, -context:]

    return rows()


def opening(characters: str) -> str:
    """What a text starts from when no prompt is given: a new line, if the vocabulary has one."""
    return "\n" if "\n" in characters else characters[0]


def _softmax(logits: Array, temperature: float) -> Array:
    """Probabilities in float64 (k,), shifted first: a tiny temperature may only underflow."""
    shifted = logits.astype(np.float64) - float(logits.max())  # (k,), at most 0
    with np.errstate(over="ignore"):  # minus infinity, and then a probability of 0, is right
        weights: Array = np.exp(shifted / temperature)  # (k,)
    weights /= weights.sum()
    return weights


def _generators(where: str, seed: Seed, count: int) -> list[np.random.Generator]:
    """One for each row."""
    if isinstance(seed, np.random.Generator):
        return [seed] * count
    check_not_negative(where, seed=seed)
    key = (SAMPLING_STREAM,)
    seeds = [np.random.SeedSequence(int(seed) + row, spawn_key=key) for row in range(count)]
    return [np.random.default_rng(sequence) for sequence in seeds]


def _check_settings(where: str, temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0.0 <= temperature < np.inf:
        rule = "temperature must be 0 (greedy) or positive"
        fail(where, rule, expected="temperature >= 0", got=temperature)
    if top_k is not None:
        check_positive(where, top_k=top_k)
    if top_p is not None and not 0.0 < top_p <= 1.0:
        fail(where, "top_p must lie in (0, 1]", expected="0 < top_p <= 1", got=top_p)


def _check_logits(where: str, logits: Array) -> None:
    check_inexact(where, logits=logits)
    if logits.ndim != 1 or not logits.size:
        rule = "logits must be one row"
        fail(where, rule, expected="shape (V,) with V >= 1", got=logits.shape)
    finite = np.isfinite(logits)  # (V,)
    if not finite.all():
        worst = int(finite.argmin())
        got = f"{logits[worst]} for token {worst}"
        fail(where, "logits must be finite", expected="numbers", got=got, error=NonFiniteError)


def _as_batch(where: str, prompts: Array) -> Array:
    """Prompts of one length as an array (B, N)."""
    try:
        batch = np.asarray(prompts)  # (B, N)
    except ValueError:
        rule, expected = "the prompts must have one length", "ids of shape (B, N)"
        fail(where, rule, expected=expected, got=f"lengths {[len(prompt) for prompt in prompts]}")
    _check_prompts(where, batch, "B", "N")
    return batch


def _check_prompts(where: str, prompts: Array, *axes: str) -> None:
    if prompts.ndim != len(axes) or not prompts.size:
        rule = "the prompt must hold at least one token"
        shape = f"({', '.join(axes)})" if len(axes) > 1 else "(N,)"
        fail(where, rule, expected=f"ids of shape {shape} with N >= 1", got=prompts.shape)
    is_integer = np.issubdtype(prompts.dtype, np.integer)
    if not is_integer or prompts.min() < 0:
        got = prompts.min() if is_integer else prompts.dtype
        fail(where, "the prompt must hold token ids", expected="integers >= 0", got=got)
