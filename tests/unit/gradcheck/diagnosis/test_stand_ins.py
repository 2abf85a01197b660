"""Gradients that are right where other values stand; beside each bug a near miss."""

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis import stand_ins
from capstone.gradcheck.diagnosis.evidence import Evidence
from unit.gradcheck.diagnosis.evidence_of import Case, evidence, evidence_at
from unit.gradcheck.samples import draw

X, Z, SQUARE, WIDE = draw(6, 4), draw(6, 4, seed=3), draw(4, 4, seed=4), draw(4, 3, seed=5)
KEPT, LOW = draw(6, 4, seed=6) > 0, draw(6, 6, seed=9) > 0
IDS = np.array([[2, 0, 5], [1, 1, 3]])
HEADS, KEYS = draw(2, 6, 3), draw(2, 2, 3, seed=3)
RATE = np.array([0.3, 9.0])


def form(x: Array, a: Array, z: Array) -> Array:
    return np.asarray(((x @ a) * z).sum(axis=-1))


def two_terms(x: Array, u: Array, v: Array) -> Array:
    return x * u + x**2 * v


def leaky(x: Array) -> Array:
    return np.where(x.real > 0, x, 0.2 * x)


def cubes(x: Array, ids: Array) -> Array:
    return x[ids] ** 3  # (2, 3, 4)


def added(rows: Array, ids: Array) -> Array:
    dx = np.zeros_like(X)
    np.add.at(dx, ids, rows)
    return dx


def at_target(x: Array, targets: Array) -> Array:
    return x[np.arange(6), targets] ** 2


def of_target(dy: Array, x: Array, targets: Array) -> Array:
    dx = np.zeros_like(x)
    dx[np.arange(6), targets] = 2 * dy * x[np.arange(6), targets]
    return dx


def scores(k: Array, q: Array) -> Array:
    return np.asarray((np.repeat(k, 3, axis=1) * q).sum(axis=-1))  # (B, H)


def of_scores(dy: Array, x: Array, mask: Array) -> Array:
    dscores = dy * mask
    return (dscores + dscores.T) @ x


def correlated(x: Array, kernel: Array) -> Array:
    """(4, 4) of (5, 6) and (2, 3)."""
    return sum(kernel[i, j] * x[i : i + 4, j : j + 4] for i, j in np.ndindex(2, 3))


def of_correlated(dy: Array, x: Array, kernel: Array) -> Array:
    dx = np.zeros_like(x)
    for i, j in np.ndindex(2, 3):
        dx[i : i + 4, j : j + 4] += kernel[i, j] * dy
    return dx


FORM = {"x": X, "a": SQUARE, "z": Z}
CASES = {
    "untransposed": Case(
        np.matmul,
        {"x": X, "w": SQUARE},
        lambda dy, x, w: dy @ w,
        lambda dy, x, w: dy @ w.T[::-1],
        "right if w stood transposed: is it transposed once too often, or not at all?",
    ),
    "untransposed inside": Case(
        form,
        FORM,
        lambda dy, x, a, z: dy[:, None] * (z @ a),
        lambda dy, x, a, z: dy[:, None] * (z @ a + 1e-3 * z),
        "right if a stood transposed",
    ),
    "untransposed, solved": Case(
        lambda x, a: np.linalg.solve(a, x.T),
        {"x": X, "a": SQUARE},
        lambda dy, x, a: np.linalg.solve(a, dy).T,
        lambda dy, x, a: (a @ dy).T,
        "right if a stood transposed",
    ),
    "untransposed, reshaped": Case(
        np.matmul,
        {"x": X, "w": WIDE},
        lambda dy, x, w: dy @ w.reshape(3, 4),
        lambda dy, x, w: dy @ w[::-1].reshape(3, 4),
        "right if w stood reshaped for transposed",
    ),
    "misread": Case(
        np.matmul,
        {"x": X, "w": WIDE},
        lambda dy, x, w: dy @ w[:, ::-1].T,
        lambda dy, x, w: dy @ w[:, [1, 0, 2]].T,
        "right if w stood reversed along axis 1: is it read in the wrong order?",
    ),
    "misread kernel": Case(
        correlated,
        {"x": draw(5, 6), "kernel": draw(2, 3, seed=3)},
        lambda dy, x, kernel: of_correlated(dy, x, kernel[::-1, ::-1]),
        lambda dy, x, kernel: of_correlated(dy, x, np.roll(kernel[::-1], 1, axis=1)),
        "right if kernel stood reversed along its last two axes",
    ),
    "misread ids": Case(
        lambda x, ids: 3 * x[ids],
        {"x": X, "ids": IDS},
        lambda dy, x, ids: 3 * added(dy, ids.T.reshape(2, 3)),
        lambda dy, x, ids: 3 * added(dy, np.roll(ids, 1)),
        "right if ids stood transposed, then reshaped to fit",
    ),
    "misread heads": Case(
        scores,
        {"k": KEYS, "q": HEADS},
        lambda dy, k, q: (dy[..., None] * q).reshape(2, 3, 2, 3).sum(axis=1),
        lambda dy, k, q: (dy[..., None] * q).reshape(2, 3, 2, 3).sum(axis=1)[:, ::-1],
        "right if q and dy stood with axis 1 read as 3 x 2 for 2 x 3",
    ),
    "another": Case(
        form,
        FORM,
        lambda dy, x, a, z: dy[:, None] * (x @ a.T),
        lambda dy, x, a, z: dy[:, None] * (dy[:, None] @ a[:1]),
        "right if x stood for z: one for the other?",
    ),
    "another factor": Case(
        two_terms,
        {"x": X, "u": Z, "v": draw(6, 4, seed=8)},
        lambda dy, x, u, v: dy * (u + 2 * x * u),
        lambda dy, x, u, v: dy * (u + 3 * x * u),
        "right if u stood for v: one for the other?",
    ),
    "opposite": Case(
        leaky,
        {"x": X},
        lambda dy, x: dy * np.where(x < 0, 1, 0.2),
        lambda dy, x: dy * np.where(x < 0, 1, 0.3),
        "right if -x stood for x: is a sign flipped, or a comparison turned round?",
    ),
    "opposite exponent": Case(
        lambda x, z: np.exp(x + x * z),
        {"x": X, "z": Z},
        lambda dy, x, z: dy * (1 - z) * np.exp(x - x * z),
        lambda dy, x, z: dy * (1 + z) * np.exp(x - x * z),
        "right if -z stood for z",
    ),
    "leftover": Case(
        lambda x, t: x**3 * (1 - t) + x,
        {"x": X, "t": Z},
        lambda dy, x, t: dy * (3 * x**2 * t + 1),
        lambda dy, x, t: dy * (3 * x**2 * t + 2),
        "right if 1 - t stood for t: one for the other?",
    ),
    "leftover of two": Case(
        lambda x, t: np.sin(x * t[0]) + x * t[1],
        {"x": X, "t": RATE},
        lambda dy, x, t: dy * ((1 - t[0]) * np.cos(x * (1 - t[0])) + 1 - t[1]),
        lambda dy, x, t: dy * ((1 - t[0]) * np.cos(x * (1 - t[0])) + t[1]),
        "right if 1 - t stood for t",
    ),
    "other_mask": Case(
        lambda x, mask: x * x * mask,
        {"x": X, "mask": KEPT},
        lambda dy, x, mask: dy * 2 * x * ~mask,
        lambda dy, x, mask: dy * 2 * x * np.roll(mask, 1, axis=0),
        "right if mask stood inverted: another mask than in the forward pass?",
    ),
    "other_mask of the first": Case(
        lambda x, mask: np.where(mask, np.sin(x), 0),
        {"x": X, "mask": KEPT},
        lambda dy, x, mask: dy * np.cos(x) * mask[:1],
        lambda dy, x, mask: dy * np.cos(x) * mask[2:3],
        "right if mask stood as its first of axis 0 throughout",
    ),
    "other_mask of scores": Case(
        lambda x, mask: (x @ x.T) * mask,
        {"x": X, "mask": LOW},
        lambda dy, x, mask: of_scores(dy, x, mask.T),
        lambda dy, x, mask: of_scores(dy, x, mask.T[::-1, ::-1]),
        "right if mask stood transposed",
    ),
    "other_ids": Case(
        cubes,
        {"x": X, "ids": IDS},
        lambda dy, x, ids: added(3 * dy * x[(ids + 1) % 6] ** 2, (ids + 1) % 6),
        lambda dy, x, ids: added(3 * dy * x[ids] ** 2, (ids + 1) % 6),
        "right if ids + 1 stood for ids: off by one?",
    ),
    "other_ids of columns": Case(
        at_target,
        {"x": X, "targets": IDS.reshape(-1) % 3 + 1},
        lambda dy, x, targets: of_target(dy, x, targets - 1),
        lambda dy, x, targets: of_target(dy, x, 3 - targets),
        "right if targets - 1 stood for targets",
    ),
}


def explained(name: str, e: Evidence) -> str:
    words: str = getattr(stand_ins, name.partition(" ")[0].strip(","))(e)
    return words


@pytest.mark.parametrize("name", CASES)
def test_the_bug_is_named(name: str) -> None:
    case = CASES[name]
    assert explained(name, case.evidence(case.wrong)).startswith(case.words)


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_is_not(name: str) -> None:
    case = CASES[name]
    assert explained(name, case.evidence(case.near_miss)) == ""


def test_nothing_is_said_where_no_other_point_can_be_had() -> None:
    e = evidence(X @ SQUARE, X @ SQUARE.T, value=X, dy=X, w=SQUARE)
    assert stand_ins.untransposed(e) == ""


def test_few_entries_show_nothing() -> None:
    few = {"x": X[:1, :2], "w": SQUARE[:2, :2]}
    assert stand_ins.untransposed(evidence_at(np.matmul, lambda dy, x, w: dy @ w, **few)) == ""
