"""Diagnoses of whole checks: all arguments at hand, and as much as projections can say."""

from typing import Any

import numpy as np
import pytest

from capstone import ops
from capstone.gradcheck import Op, Report, check
from capstone.gradcheck.diagnosis.explain import numbers_in
from unit.gradcheck.samples import draw

X, WEIGHT = draw(11, 53), draw(53, 71, seed=3)


def spoiled(change: Any) -> Report:
    """A product of large arrays by projection, with its second gradient changed."""

    def backward(dy: np.ndarray, saved: Any) -> tuple[np.ndarray, np.ndarray]:
        dx, dweight = ops.linear_bwd(dy, saved)
        return dx, change(dweight)

    return check(Op(ops.linear_fwd, backward), X, WEIGHT, depth="projection")


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda g: 2 * g, "factor", "analytic = 2 x numeric everywhere"),
        (lambda g: -g, "sign", "a sign is flipped"),
        (lambda g: g.T.reshape(g.shape), "transposed", "transposed, then reshaped to fit"),
        (lambda g: g[:, ::-1].copy(), "reversed", "reversed along axis 1"),
        (lambda g: np.roll(g, 1, axis=0), "shifted", "rolled by 1 along axis 0"),
        (lambda g: g + 0.01 * WEIGHT, "decay", "0.01 x weight itself"),
        (lambda g: g * np.arange(2.0, 55.0)[:, None], "slices", "each index of axis 0"),
        (lambda g: g + np.arange(1.0, 54.0)[:, None], "constant", "constant along axis 1"),
        (lambda g: 0 * g, "zero", "is a path missing?"),
    ],
)
def test_a_sample_explains_an_error_that_is_everywhere(change: Any, kind: str, words: str) -> None:
    wrong = spoiled(change).arguments[1]
    assert wrong.kind == kind
    assert words in wrong.diagnosis
    assert wrong.diagnosis.endswith(" (196 entries measured)")


def test_random_errors_are_not_explained_by_a_sample() -> None:
    wrong = spoiled(lambda g: g + draw(53, 71, seed=5)).arguments[1]
    assert wrong.kind == ""
    assert "no simple transformation" in wrong.diagnosis


def test_few_wrong_entries_are_named() -> None:
    def one_off(gradient: np.ndarray) -> np.ndarray:
        gradient[7, 9] *= 3
        return gradient

    wrong = spoiled(one_off).arguments[1]
    assert wrong.kind == "single"
    assert wrong.diagnosis.startswith(
        "1 of 3763 entries is wrong: [7, 9], by analytic = 3 x numeric (found by bisection, in "
    )


def test_a_sample_takes_few_forwards() -> None:
    right, wrong = spoiled(lambda g: g), spoiled(lambda g: 2 * g)
    assert wrong.forwards - right.forwards < 500


def test_nan_needs_no_search() -> None:
    wrong = spoiled(lambda g: g * np.nan).arguments[1]
    assert (wrong.kind, wrong.diagnosis) == ("nan", "3763 entries are NaN or infinite")


def test_the_arguments_explain_each_other() -> None:
    def backward(dy: np.ndarray, saved: Any) -> tuple[np.ndarray, np.ndarray]:
        a, b = saved
        return dy * a, dy * b

    a, b = draw(3, 5), draw(3, 5, seed=4)
    report = check(Op(lambda a, b: (a * b, (a, b)), backward), a, b)
    assert [argument.kind for argument in report.arguments] == ["swapped", "swapped"]
    assert report.arguments[0].diagnosis == "analytic = the gradient of b: the two are swapped"


def test_swapped_gradients_are_named_by_projection_too() -> None:
    op = Op(lambda a, b: (a * b, (a, b)), lambda dy, saved: (dy * saved[0], dy * saved[1]))
    report = check(op, draw(3, 5), draw(3, 5, seed=4), depth="projection")
    assert [argument.kind for argument in report.arguments] == ["swapped", "swapped"]


def test_options_of_an_op_are_at_hand() -> None:
    def forward(x: np.ndarray, *, tau: float) -> tuple[np.ndarray, float]:
        return x / tau, tau

    op = Op(forward, lambda dy, tau: dy.copy() * 1.0, options={"tau": 0.7})
    wrong = check(op, draw(3, 5)).arguments[0]
    assert wrong.kind == "upstream"
    op = Op(forward, lambda dy, tau: 2 * dy / tau**2, options={"tau": 0.7})
    assert check(op, draw(3, 5)).arguments[0].kind == "factor"


def test_only_numbers_count_as_options() -> None:
    assert numbers_in({"a": 2, "b": True, "c": "x", "d": np.float32(0.5)}) == {"a": 2.0, "d": 0.5}


def test_an_unstackable_ladder_measures_few_entries() -> None:
    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.abs([row * row.sum() for row in x.reshape(4, 5)]), x

    op = Op(forward, lambda dy, x: 0 * x)
    wrong = check(op, np.abs(draw(20)) + 1, depth="projection").arguments[0]
    assert wrong.kind == "zero"
    assert wrong.diagnosis.endswith(" (8 entries measured)")


@pytest.mark.parametrize("scale", [np.inf, np.nan, -1.0, 0.0, 10**400, 1e308])
def test_odd_options_do_no_harm(scale: float) -> None:
    op = Op(lambda x, *, scale: (3 * x, x), lambda dy, x: 6 * dy, options={"scale": scale})
    assert check(op, draw(3, 5)).arguments[0].kind == "factor"


def form(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (x @ w * x[:, ::-1]).sum(axis=-1), x


def untransposed(forward: Any, **options: Any) -> str:
    """Kind of a backward pass that multiplies by w for w.T."""
    w = draw(5, 5, seed=3)

    def backward(dy: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = dy[:, None] * x
        return scaled[:, ::-1] @ w + (scaled @ w.T)[:, ::-1], scaled.T @ x[:, ::-1]

    return check(Op(forward, backward), draw(7, 5), w, **options).arguments[0].kind


def test_a_gradient_that_is_right_at_another_point() -> None:
    assert untransposed(form) == "transposed"


def test_a_forward_pass_may_refuse_another_point() -> None:
    def forward(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if np.abs(w - draw(5, 5, seed=3)).max() > 1:
            raise ValueError("no such weight")
        return form(x, w)

    assert untransposed(forward) == ""


def test_nothing_is_tried_at_another_point_without_the_complex_step() -> None:
    assert untransposed(form, method="ladder") == ""
