"""Gradients that are another product; beside each bug a near miss that must not match."""

from collections.abc import Callable

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Known
from capstone.gradcheck.diagnosis.operands import operand
from unit.gradcheck.diagnosis.evidence_of import Case, evidence
from unit.gradcheck.samples import draw

X, W, V, GAIN = draw(6, 4), draw(4, 3, seed=3), draw(4, 3, seed=4), draw(4, seed=5)
BATCH, SQUARE, B = draw(2, 3, 4, seed=6), draw(4, 4, seed=7), draw(4, 3, seed=8)


def normalized(gain: Array, x: Array) -> Array:
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True)) * gain


CASES = {
    "matrix": Case(
        lambda x, w, v: np.tanh(x @ w) + x @ v,
        {"x": X, "w": W, "v": V},
        lambda dy, x, w, v: dy @ (2 * v).T,
        lambda dy, x, w, v: dy @ (w + v).T,
        "analytic = 2 x dy @ v.T: is that the right operand, and all there is to it?",
    ),
    "summed over rows": Case(
        lambda w, x, z: np.tanh(x) @ w + z.sum(),
        {"w": W, "x": BATCH, "z": BATCH[::-1]},
        lambda dy, w, x, z: np.einsum("btd,btf->df", z, dy),
        lambda dy, w, x, z: np.einsum("btd,btf->df", z[:, ::-1], dy),
        "analytic = z.T @ dy: is",
    ),
    "saved input for output": Case(
        lambda w, x: np.exp(x) * w,
        {"w": np.full((6, 4), 2.0), "x": X},
        lambda dy, w, x: dy * x,
        lambda dy, w, x: dy * (x + 1e-3),
        "analytic = dy x x where 0.5 x dy x y belongs",
    ),
    "entry by entry, summed": Case(
        normalized,
        {"gain": GAIN, "x": X},
        lambda dy, gain, x: (dy * x).sum(axis=0),
        lambda dy, gain, x: (dy * x)[1:].sum(axis=0),
        "analytic = dy x x, summed over axis 0: is",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    assert operand(CASES[name].evidence(CASES[name].wrong)).startswith(CASES[name].words)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    assert operand(CASES[name].evidence(CASES[name].near_miss)) == ""


@pytest.mark.parametrize(
    ("spoiled", "words"), [(0, "analytic = -(the gradient of b) @ b.T"), (1, "")]
)
def test_a_product_of_another_gradient(spoiled: int, words: str) -> None:
    y = np.linalg.solve(SQUARE, B)
    db = np.linalg.solve(SQUARE.T, draw(4, 3, seed=9))
    analytic = -db @ B.T + spoiled * 1e-3 * SQUARE
    others = (Known("b", B, db, db),)
    e = evidence(analytic, -db @ y.T, value=SQUARE, y=y, dy=draw(4, 3, seed=9), others=others)
    words = "analytic = -(the gradient of b) @ b.T where -(the gradient of b) @ y.T belongs"
    assert operand(e) == ("" if spoiled else words)


def test_few_entries_show_nothing() -> None:
    few = {"gain": GAIN[:3], "x": X[:, :3]}
    wrong: Callable[..., Array] = CASES["entry by entry, summed"].wrong
    assert operand(Case(normalized, few, wrong, wrong, "").evidence(wrong)) == ""
