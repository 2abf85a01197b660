"""Subjects on which the verifier was once mistaken: each keeps its verdict from now on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.parameter import Parameter

Array = np.ndarray[Any, np.dtype[Any]]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))


def peak_fwd(x: Array) -> tuple[Array, tuple[Array, Array]]:
    return x / np.abs(x).max(), (x, np.abs(x).max())


def peak_bwd(dy: Array, saved: tuple[Array, Array], sign: float = -1.0) -> Array:
    x, m = saved
    is_peak = np.abs(x) == m
    return dy / m + sign * is_peak * np.sign(x) * (dy * x).sum() / (m * m)


def test_saved_values_that_are_compared_excuse_no_error() -> None:
    check(Op(peak_fwd, peak_bwd), X).raise_if_wrong()
    wrong = Op(peak_fwd, lambda dy, saved: peak_bwd(dy, saved, sign=1.0))
    assert check(wrong, X).wrong_arguments == ["x"]


def norm_by_mean(x: Array, b: Array) -> Array:
    h = np.abs(x) + b
    return h / h.mean()


def norm_by_mean_bwd(dy: Array, x: Array, b: Array, share: float = 1.0) -> tuple[Array, Array]:
    h = np.abs(x) + b
    m = h.mean()
    dh = dy / m - share * (dy * h).sum() / (m * m) / h.size
    return dh * np.sign(x), dh.sum(axis=0)


@pytest.mark.parametrize("bias", [0.0, 1e-9, 0.3])
def test_a_tiny_argument_does_not_hide_that_a_forward_averages_over_the_stack(bias: float) -> None:
    b = np.full(4, bias)
    check(norm_by_mean, X, b, backward=norm_by_mean_bwd, method="ladder").raise_if_wrong()

    def without_mean(dy: Array, x: Array, b: Array) -> tuple[Array, Array]:
        return norm_by_mean_bwd(dy, x, b, share=0.0)

    report = check(norm_by_mean, X, b, backward=without_mean, method="ladder")
    assert set(report.wrong_arguments) == {"x", "b"}


class Wrapping:
    """Its parameters are made anew at every call, so that setting their data changes nothing."""

    def __init__(self) -> None:
        self.w, self.dw = np.ones(4), np.zeros(4)

    def parameters(self) -> list[Parameter]:
        return [Parameter(self.w)]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * self.w

    def backward(self, dy: Array) -> Array:
        self.dw += (dy * self.x).sum(axis=0)
        return dy * self.w


def test_parameters_that_are_made_anew_are_refused() -> None:
    message = "check: Wrapping must list the same parameters each time: expected its own objects"
    with pytest.raises(UsageError, match=message):
        check(Wrapping(), X)


def test_a_gradient_that_is_zero_on_both_sides_is_a_warning() -> None:
    def gate(x: Array, w: Array) -> Array:
        return np.where(x > 9, w * x, x)

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        is_open = x > 9
        return dy * np.where(is_open, w, 1), (77 * dy * is_open * x).sum(axis=0)

    report = check(gate, X, np.ones(4), backward=backward)
    words = "d(w) is zero here on both sides, which shows nothing about it"
    assert words in report.warnings


def test_what_arrays_must_fulfil_is_not_held_against_a_right_gradient() -> None:
    half = RNG.standard_normal((4, 4))
    symmetric = half + half.T

    def form(x: Array, s: Array) -> Array:
        return ((x @ s) * x).sum(axis=-1)

    def backward(dy: Array, x: Array, s: Array) -> tuple[Array, Array]:
        return 2 * dy[:, None] * (x @ s), (x * dy[:, None]).T @ x

    check(form, X, symmetric, backward=backward).raise_if_wrong()


def test_a_target_that_is_not_compared_stays_as_it_is() -> None:
    one_hot = np.eye(4)[[0, 2, 2]]

    def loss(z: Array, t: Array) -> Array:
        shifted = z - z.real.max(axis=-1, keepdims=True)
        return np.sum(t * (np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted)) / len(z)

    def backward(dy: Array, z: Array, t: Array) -> tuple[Array, None]:
        p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
        return dy * (p - t) / len(z), np.zeros_like(t)

    check(loss, X, one_hot, backward=backward, wrt=["z"]).raise_if_wrong()


def test_an_infinite_mask_that_is_not_compared_is_fine() -> None:
    mask = np.where(np.triu(np.ones((4, 4)), 1) > 0, -np.inf, 0.0)

    def masked(s: Array, mask: Array) -> Array:
        e = np.exp(s + mask)
        return e / e.sum(axis=-1, keepdims=True)

    def backward(dy: Array, s: Array, mask: Array) -> tuple[Array, Array]:
        y = masked(s, mask)
        ds = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
        return ds, ds.copy()

    scores = RNG.standard_normal((4, 4))
    check(masked, scores, mask, backward=backward, wrt=["s"]).raise_if_wrong()


@dataclass(slots=True)
class Kept:
    x: Array


def test_saved_values_may_be_a_dataclass_with_slots() -> None:
    op = Op(lambda x: (np.sin(x), Kept(x)), lambda dy, saved: dy * np.cos(saved.x))
    check(op, X).raise_if_wrong()


def test_a_mean_over_the_batch_is_no_fault_of_an_empty_batch() -> None:
    def forward(x: Array, w: Array) -> Array:
        return x @ w / len(x)

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        return dy @ w.T / len(x), x.T @ dy / len(x)

    check(forward, X, RNG.standard_normal((4, 5)), backward=backward).raise_if_wrong()


@pytest.mark.parametrize("error", [0.0, 1e-13, 1e-6])
def test_a_number_alone_is_an_input_too(error: float) -> None:
    report = check(np.exp, 0.3, backward=lambda dy, x: dy * np.exp(x) * (1 + error))
    assert report.ok == (error == 0)


class Lookup:
    """Has a buffer of integers among its parameters."""

    def __init__(self) -> None:
        self.ids = Parameter(np.array([0, 2, 2]))
        self.table = Parameter(RNG.standard_normal((4, 5)))

    def parameters(self) -> list[Parameter]:
        return [self.ids, self.table]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.table.data[..., self.ids.data, :]

    def backward(self, dy: Array) -> Array:
        np.add.at(self.table.grad, self.ids.data, self.x.T @ dy)
        return dy @ self.table.data[self.ids.data].T


def test_a_buffer_of_integers_needs_no_gradient() -> None:
    report = check(Lookup(), RNG.standard_normal((2, 3)))
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "parameter1"]


class Running:
    """Keeps a running mean, which no check may spoil."""

    def __init__(self) -> None:
        self.mean = np.zeros(4)

    def forward(self, x: Array) -> Array:
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return 2 * x

    def backward(self, dy: Array) -> Array:
        return 2 * dy


def test_the_caller_s_layer_keeps_its_state() -> None:
    layer = Running()
    check(layer, X)
    np.testing.assert_array_equal(layer.mean, np.zeros(4))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Running, X), {}, "the subject must be an object, not its class"),
        ((Running(), X), {"wrt": [X]}, "wrt must name differentiable arguments"),
        ((Running(), X), {"depth": X}, "unknown depth"),
        (
            (Op(peak_fwd, peak_bwd), X),
            {"backward": peak_bwd},
            "an Op has a backward pass of its own: expected no backward=, got peak_bwd",
        ),
    ],
)
def test_misuse_is_one_line(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"check: {message}"):
        check(*arguments, **options)


class Child:
    """Knows its parent, which knows it."""

    def __init__(self, parent: Any) -> None:
        self.parent = {"child": self, "up": parent}

    def forward(self, x: Array) -> Array:
        return x * x

    def backward(self, dy: Array) -> Array:
        return dy


def test_layers_that_know_each_other_are_searched_once() -> None:
    parent: dict[str, Any] = {}
    parent["child"] = Child(parent)
    report = check(parent["child"], X)
    assert report.wrong_arguments == ["x"]
