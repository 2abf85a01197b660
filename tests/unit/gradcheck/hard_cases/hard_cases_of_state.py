"""Hard cases of memory, state and upstream gradients: numbers that are right once."""

import numpy as np

from capstone._typing import Array
from capstone.gradcheck import Op
from gradcheck.protocol_pairs import PAIRS, Pair
from unit.gradcheck.hard_cases.hard_row import (
    Row,
    Trial,
    draw,
    elementwise,
    of,
    op,
    softmax,
    softmax_bwd,
)

X = draw(3, 5)
BY_KIND = {pair.kind: pair for pair in PAIRS}


def trials(pair: Pair) -> tuple[Trial, Trial]:
    """The good and the bad one, made afresh for every check."""
    return lambda: (pair.good(), *pair.inputs()), lambda: (pair.bad(), *pair.inputs())


def rows_of_pairs() -> list[Row]:
    """The cases for which the protocol has a rule of their own."""
    kinds = {
        18: "constant term",
        25: "cache shared by calls",
        26: "cache shared by instances",
        27: "second backward differs",
        28: "upstream written to",
        29: "gradient shares the upstream",
        30: "buffer reused",
        31: "input written to",
        32: "= for +=",
        36: "memory order assumed",
        38: "random forward",
        42: "dtype of a gradient",
        47: "clipped upstream",
    }
    rows = []
    for number, kind in kinds.items():
        good, bad = trials(BY_KIND[kind])
        rows.append(Row(number, kind, (good,), (bad,), rule=BY_KIND[kind].rule))
    return rows


def softmax_with(backward: object) -> Op:
    """Softmax with this backward pass of its output."""
    return Op(lambda x: (softmax(x), softmax(x)), backward, "softmax")  # type: ignore[arg-type]


def plain_mean_bwd(dy: Array, y: Array) -> Array:
    """Subtracts the mean where the weighted mean is due; the same for constant `dy`."""
    return y * (dy - dy.mean(axis=-1, keepdims=True))


class Running:
    """Keeps a running mean of what it has seen; its output does not depend on it."""

    def __init__(self) -> None:
        self.mean, self.count = np.zeros(5), 0

    def forward(self, x: Array) -> Array:
        self.count += 1
        self.mean = 0.9 * self.mean + 0.1 * x.reshape(-1, 5).mean(axis=0).real
        return 2 * x

    def backward(self, dy: Array) -> Array:
        return 2 * dy


class Counting(Running):
    """Its output depends on how often it has run."""

    def forward(self, x: Array) -> Array:
        return super().forward(x) * self.count

    def backward(self, dy: Array) -> Array:
        return 2 * dy * self.count


def unordered(by: float = 1.0) -> Trial:
    """Adds up in another order each time, as threads do."""

    def make() -> tuple[object, ...]:
        rng = np.random.default_rng(0)

        def backward(dy: Array, x: Array, b: Array) -> tuple[Array, Array]:
            return dy.copy(), by * sum((dy[i] for i in rng.permutation(len(dy))), np.zeros(3))

        return op(np.add, backward), draw(50, 3), draw(3, seed=1)

    return make


POWER = op(lambda x, k: x**k, lambda dy, x, k: (dy * k * x ** (k - 1), None))
NO_POWER = op(lambda x, k: x**k, lambda dy, x, k: (None, np.zeros(k.shape)))
SQUARE_SUM = op(lambda x: (x * x).sum(axis=(-1, -2)), lambda dy, x: dy * 2 * x)
IGNORING = op(lambda x: (x * x).sum(axis=(-1, -2)), lambda dy, x: 2 * x)
ROUNDED = elementwise(np.round, np.ones_like)
SURROGATE = elementwise(np.positive, np.ones_like)

ROWS_OF_STATE = [
    *rows_of_pairs(),
    Row(
        15,
        "an upstream of ones",
        good=(of(softmax_with(softmax_bwd), X),),
        bad=(
            of(softmax_with(plain_mean_bwd), X),
            of(softmax_with(lambda dy, y: -softmax_bwd(dy, y)), X),
            of(softmax_with(lambda dy, y: np.zeros_like(y)), X),
        ),
    ),
    Row(
        16,
        "a positive upstream",
        good=(of(softmax_with(softmax_bwd), X),),
        bad=(of(softmax_with(plain_mean_bwd), X),),
        options={"upstream": 1 + 0.01 * draw(3, 5, seed=9)},
    ),
    Row(
        17,
        "a loss that ignores its upstream",
        good=(of(SQUARE_SUM, X),),
        bad=(of(IGNORING, X),),
    ),
    Row(
        39,
        "running statistics",
        good=(lambda: (Running(), X),),
        bad=(lambda: (Counting(), X),),
        rule="repeat",
    ),
    Row(
        40,
        "sums in another order each time",
        good=(unordered(),),
        bad=(unordered(1 + 1e-9),),
    ),
    Row(
        43,
        "integers beside numbers",
        good=(of(POWER, np.abs(X), np.array([2, 3, 1, 4, 2])),),
        bad=(of(NO_POWER, np.abs(X), np.array([2, 3, 1, 4, 2])),),
        rule="contract",
    ),
    Row(48, "straight through", good=(of(SURROGATE, X),), bad=(of(ROUNDED, X),)),
]
