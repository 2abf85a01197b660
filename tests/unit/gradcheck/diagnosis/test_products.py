"""Gradients of what meets in a product; beside each bug a near miss that must not match."""

import numpy as np
import pytest

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence, Known
from capstone.gradcheck.diagnosis.products import behind, path
from unit.gradcheck.diagnosis.evidence_of import evidence
from unit.gradcheck.samples import draw

X, W, V, GAIN = draw(7, 5), draw(5, 4, seed=1), draw(5, 3, seed=2), draw(5, seed=3)
DU, DZ = draw(7, 4, seed=4), draw(7, 3, seed=5)  # gradients of x @ w and x @ v
OFF = draw(7, 4, seed=6)  # what is wrong with the former
DX = DU @ W.T + DZ @ V.T
SPOIL = np.zeros((7, 5))
SPOIL[1, 2] = 1e-3


def known(name: str, value: Array, right: Array, error: Array) -> Known:
    return Known(name, value, right, right + error)


RIGHT_W = known("w2", W, X.T @ DU, 0 * W)
RIGHT_V = known("v", V, X.T @ DZ, 0 * V)
WRONG_W = known("w2", W, X.T @ DU, X.T @ OFF)
BIAS = known("b", draw(4, seed=7), DU.sum(axis=0), OFF.sum(axis=0))


def of_x(error: Array, *others: Known) -> Evidence:
    return evidence(DX + error, DX, name="x", value=X, others=others)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (-DZ @ V.T, "the path through v is missing: right without it"),
        (DU @ W.T, "the path through w2 is counted twice"),
        (-DU @ W.T, "the path through w2 is missing: right without it"),
        (-2 * DU @ W.T, "the path through w2 has the wrong sign"),
        (DZ @ V.T - DU @ W.T, "the path through v counts twice, that through w2 not at all"),
    ],
)
def test_a_path_of_several(error: Array, words: str) -> None:
    assert path(of_x(error, RIGHT_W, RIGHT_V)) == words
    assert path(of_x(error + SPOIL, RIGHT_W, RIGHT_V)) == ""


def test_the_only_path_beside_one_that_goes_through_no_matrix() -> None:
    only = evidence(DU @ W.T, DX, value=X, others=(RIGHT_W,))
    assert path(only) == "only the path through w2 counts: is another path missing?"


def test_a_minute_error_is_no_missing_path() -> None:
    assert path(evidence(DU @ W.T + 1e-9 * SPOIL, DU @ W.T, value=X, others=(RIGHT_W,))) == ""


def test_one_wrong_gradient_behind_two() -> None:
    words = "the errors of x and w2 fit together: wrong is what reaches the product"
    assert behind(of_x(OFF @ W.T, WRONG_W, RIGHT_V)).startswith(words)
    here = Known("x", X, DX, DX + OFF @ W.T)
    of_w = evidence(WRONG_W.analytic, X.T @ DU, name="w2", value=W, others=(here, RIGHT_V))
    assert behind(of_w).startswith(words)


def test_errors_that_do_not_fit_together_are_a_near_miss() -> None:
    assert behind(of_x(OFF @ W.T + SPOIL, WRONG_W, RIGHT_V)) == ""
    assert behind(of_x(draw(7, 5, seed=8), WRONG_W, RIGHT_V)) == ""


def test_two_products_share_the_blame() -> None:
    wrong_v = known("v", V, X.T @ DZ, X.T @ OFF[:, :3])
    both = of_x(OFF @ W.T + OFF[:, :3] @ V.T, WRONG_W, wrong_v)
    assert behind(both).startswith("the errors of x, w2 and v fit together")


def test_a_bias_joins_its_product() -> None:
    x = Known("x", X, DX, DX + OFF @ W.T)
    others = (x, WRONG_W)
    e = evidence(BIAS.analytic, BIAS.gradient, name="b", value=BIAS.value, others=others)
    assert behind(e).startswith("the errors of x, w2 and b fit together")
    wrong = BIAS.analytic + SPOIL[1, :4]
    spoiled = evidence(wrong, BIAS.gradient, name="b", value=BIAS.value, others=others)
    assert behind(spoiled) == ""


def test_a_gain_before_the_product() -> None:
    right = (X * (DU @ W.T)).sum(axis=0)  # forward: (x * gain) @ w
    error = (X * (OFF @ W.T)).sum(axis=0)
    wrong = known("w2", W, (X * GAIN).T @ DU, (X * GAIN).T @ OFF)
    e = evidence(right + error, right, name="gain", value=GAIN, others=(wrong,))
    assert behind(e).startswith("the errors of gain and w2 fit together")
    assert behind(evidence(right + 2 * error, right, value=GAIN, others=(wrong,))) == ""


def test_queries_and_keys_meet_by_their_last_axes() -> None:
    k, scores = draw(6, 5, seed=9), draw(7, 6, seed=10)
    keys = known("k", k, draw(6, 5, seed=11), scores.T @ X)
    assert behind(of_x(scores @ k, keys)).startswith("the errors of x and k fit together")


def test_one_feature_shows_nothing() -> None:
    x, w = X[:, :1], W[:1]
    wrong = known("w2", w, x.T @ DU, x.T @ OFF)
    assert behind(evidence(OFF @ w.T, 0 * x, value=x, others=(wrong,))) == ""


def test_a_weight_may_stand_the_other_way_round() -> None:
    turned = known("w2", W.T.copy(), DU.T @ X, OFF.T @ X)  # forward: x @ w2.T + b
    others = (Known("x", X, DX, DX + OFF @ W.T), turned)
    e = evidence(BIAS.analytic, BIAS.gradient, name="b", value=BIAS.value, others=others)
    assert behind(e).startswith("the errors of x, w2 and b fit together")
