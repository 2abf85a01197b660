"""Gradients that are right for another dy; beside each bug a near miss that must not match."""

from collections.abc import Callable

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis import other_upstream
from unit.gradcheck.diagnosis.evidence_of import Case
from unit.gradcheck.samples import draw

X, W, GAIN, ROWS = draw(6, 4), draw(4, 3, seed=3), draw(4, seed=4), draw(6, seed=5)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.real.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def of_softmax(dp: Array, x: Array) -> Array:
    p = softmax(x)
    return np.asarray(p * (dp - (dp * p).sum(axis=-1, keepdims=True)))


def normalized(x: Array, gain: Array) -> Array:
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True)) * gain


def of_normalized(dxhat: Array, x: Array) -> Array:
    rms = np.sqrt((x * x).mean(axis=-1, keepdims=True))
    xhat = x / rms
    return np.asarray((dxhat - xhat * (dxhat * xhat).mean(axis=-1, keepdims=True)) / rms)


CASES = {
    "ignored": Case(
        lambda w, x: x @ w,
        {"w": W, "x": X},
        lambda dy, w, x: x.T @ np.ones_like(dy),
        lambda dy, w, x: x.T @ (np.ones_like(dy) + 1e-3 * dy),
        "right for dy of ones: is the upstream gradient ignored?",
    ),
    "ignored by a loss": Case(
        lambda x, rows: ((softmax(x) - rows[:, None]) ** 2).sum(axis=-1),
        {"x": X, "rows": ROWS},
        lambda dy, x, rows: of_softmax(2 * (softmax(x) - rows[:, None]), x),
        lambda dy, x, rows: of_softmax(2 * dy[:, None] ** 2 * (softmax(x) - rows[:, None]), x),
        "right for dy of ones",
    ),
    "weighted": Case(
        softmax,
        {"x": X},
        lambda dy, x: of_softmax(dy / softmax(x), x),
        lambda dy, x: of_softmax(dy / softmax(x)[::-1], x),
        "right for dy / y: is a factor y of dy missing?",
    ),
    "weighted sum": Case(
        lambda a, b: a[:, None] * b,
        {"a": ROWS, "b": GAIN},
        lambda dy, a, b: dy.sum(axis=1),
        lambda dy, a, b: dy[:, :-1].sum(axis=1),
        "right for dy / b: is a factor b of dy missing?",
    ),
    "weighted twice": Case(
        normalized,
        {"x": X, "gain": GAIN},
        lambda dy, x, gain: of_normalized(dy * gain**2, x),
        lambda dy, x, gain: of_normalized(dy * np.abs(gain) ** 2.5, x),
        "right for dy x gain: is the factor gain of dy applied twice?",
    ),
    "outside": Case(
        normalized,
        {"x": X, "gain": GAIN},
        lambda dy, x, gain: of_normalized(dy, x) * gain,
        lambda dy, x, gain: of_normalized(dy, x) * gain[::-1],
        "right for dy / gain, then times gain: is gain taken out of a sum or a mean?",
    ),
    "outside of rows": Case(
        lambda x, rows: softmax(x.T).T * rows[:, None],
        {"x": X, "rows": ROWS},
        lambda dy, x, rows: of_softmax(dy.T, x.T).T * rows[:, None],
        lambda dy, x, rows: of_softmax(dy.T, x.T).T * rows[::-1, None],
        "right for dy / rows, then times rows",
    ),
}


def explained(name: str, wrong: Callable[..., Array]) -> str:
    words: str = getattr(other_upstream, name.partition(" ")[0])(CASES[name].evidence(wrong))
    return words


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    assert explained(name, CASES[name].wrong).startswith(CASES[name].words)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    assert explained(name, CASES[name].near_miss) == ""
