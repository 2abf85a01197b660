"""Hard cases of sizes, scales, kinks and domains: most are false alarms of other checks."""

from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck import Op
from unit.gradcheck.hard_cases.hard_row import Row, draw, elementwise, of, op, softmax, softmax_bwd

X = draw(3, 5)
RELU = elementwise(lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0)
ABS = elementwise(np.abs, np.sign)
TANH = elementwise(np.tanh, lambda x: 1 / np.cosh(x) ** 2)
NEAR_KINK = np.array([1e-8, -1e-8, 1e-12, -1e-12, 1.0, -2.0])
TAILS = np.array([-8.0, -6.5, -1.0, 0.3, 6.5, 8.0])
SMALL_ROWS = X * np.array([[1e-2], [1.0], [3.0]])
EPS = 1e-5
STOPS = 1e-10  # where the iterations end


def max_bwd(dy: Array, x: Array, which: int = -1) -> Array:
    """To the largest entry of each row, or to another in their order."""
    at = np.argsort(x, axis=-1)[..., which, None]
    return np.asarray(np.where(np.arange(x.shape[-1]) == at, dy[..., None], 0.0))


def row_max(x: Array) -> Array:
    return x.max(axis=-1)


def masked_softmax_fwd(x: Array, hidden: Array) -> tuple[Array, Any]:
    """Zeros in rows that are hidden altogether."""
    z = np.where(hidden, -np.inf, x)
    is_open = ~hidden.all(axis=-1, keepdims=True)
    y = np.where(is_open, softmax(np.where(is_open, z, 0)), 0)
    return y, (y, hidden)


def masked_softmax_bwd(dy: Array, saved: Any) -> tuple[Array, None]:
    return softmax_bwd(dy, saved[0]), None


def leaking_bwd(dy: Array, saved: Any) -> tuple[Array, None]:
    """Has a gradient for hidden entries."""
    dx = softmax_bwd(dy, saved[0])
    return np.where(saved[1], 1e-9 * dy, dx), None


HIDDEN = np.array([[0, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]]) > 0


def causal(s: Array) -> Array:
    return softmax(np.where(np.tri(*s.shape[-2:]) > 0, s, -np.inf))


def layernorm(x: Array) -> Array:
    centered = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + EPS))


def layernorm_bwd(dy: Array, x: Array, eps: float = EPS) -> Array:
    centered = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + eps)
    xhat, mean = centered * rstd, dy.mean(axis=-1, keepdims=True)
    return np.asarray(rstd * (dy - mean - xhat * (dy * xhat).mean(axis=-1, keepdims=True)))


def differences_bwd(dy: Array, x: Array) -> Array:
    """What a check with a fixed step calls the truth."""
    h = 1e-4
    return dy * (np.exp(x + h) - np.exp(x - h)) / (2 * h)


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_slope(x: Array, cube: float = 0.044715) -> Array:
    t = np.tanh(np.sqrt(2 / np.pi) * (x + cube * x**3))
    inner = np.sqrt(2 / np.pi) * (1 + 3 * cube * x * x)
    return np.asarray(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


def newton_root(x: Array) -> Array:
    """Of real numbers, by iterations that stop at a tolerance."""
    y = np.ones(np.shape(x))
    for _ in range(60):
        step = (y - x / y) / 2
        y = y - step
        if np.abs(step).max() < STOPS:
            break
    return y


def logistic(x: Array) -> Array:
    """Twenty steps of a chaotic map."""
    for _ in range(20):
        x = 3.9 * x * (1 - x)
    return x


def logistic_slope(x: Array) -> Array:
    slope = np.ones_like(x)
    for _ in range(20):
        slope, x = slope * 3.9 * (1 - 2 * x), 3.9 * x * (1 - x)
    return slope


def into_a_real_buffer(x: Array) -> Array:
    y = np.zeros(x.shape)
    y[...] = x * x
    return y


NORM = Op(
    lambda x: (np.linalg.norm(x, axis=-1), x),
    lambda dy, x: dy[..., None] * x / np.linalg.norm(x, axis=-1, keepdims=True),
)
SORT = Op(
    lambda x: (np.sort(x, axis=-1), np.argsort(np.argsort(x, axis=-1), axis=-1)),
    lambda dy, rank: np.take_along_axis(dy, rank, axis=-1),
)
CURVED = elementwise(lambda x: np.sin(1e4 * x), lambda x: 1e4 * np.cos(1e4 * x))
CUBE = elementwise(lambda x: x**3, lambda x: 3 * x * x)
TINY = elementwise(lambda x: 1e-9 * x * x, lambda x: 2e-9 * x)
LOG = elementwise(np.log, lambda x: 1 / x)
ARC = elementwise(np.arccos, lambda x: -1 / np.sqrt((1 - x) * (1 + x)))
ROOT = elementwise(np.sqrt, lambda x: 0.5 / np.sqrt(x))
UNUSED = op(lambda x, z: np.sin(x), lambda dy, x, z: (dy * np.cos(x), np.zeros_like(z)))

ROWS_OF_NUMBERS = [
    Row(
        1,
        "near a kink",
        good=(of(RELU, NEAR_KINK), of(ABS, NEAR_KINK)),
        bad=(of(elementwise(lambda x: np.maximum(x, 0), lambda x: 0.5 + 0 * x), NEAR_KINK),),
    ),
    Row(
        3,
        "maxima that are no ties",
        good=(of(op(row_max, max_bwd), X),),
        bad=(of(op(row_max, lambda dy, x: max_bwd(dy, x, which=-2)), X),),
    ),
    Row(
        4,
        "saturated tails",
        good=(of(TANH, TAILS), of(op(softmax, lambda dy, x: softmax_bwd(dy, softmax(x))), TAILS)),
        bad=(of(elementwise(np.tanh, lambda x: (np.abs(x) < 6) / np.cosh(x) ** 2), TAILS),),
    ),
    Row(
        5,
        "masked scores",
        good=(of(Op(masked_softmax_fwd, masked_softmax_bwd), X, HIDDEN),),
        bad=(of(Op(masked_softmax_fwd, leaking_bwd), X, HIDDEN),),
    ),
    Row(
        6,
        "causal mask forgotten in a backward pass that recomputes",
        good=(of(op(causal, lambda dy, s: softmax_bwd(dy, causal(s))), draw(2, 5, 5)),),
        bad=(of(op(causal, lambda dy, s: softmax_bwd(dy, softmax(s))), draw(2, 5, 5)),),
    ),
    Row(
        7,
        "tiny gradients",
        good=(of(TINY, X), of(TINY, 1e-6 * X)),
        bad=(of(elementwise(lambda x: 1e-9 * x * x, lambda x: -2e-9 * x), X),),
    ),
    Row(
        8,
        "huge offset",
        good=(of(elementwise(lambda x: x * x + 1e8, lambda x: 2 * x), X),),
        bad=(of(elementwise(lambda x: x * x + 1e8, lambda x: 2.001 * x), X),),
    ),
    Row(
        9,
        "high curvature and large inputs",
        good=(of(CURVED, X), of(CUBE, 1e8 * X), of(CUBE, 1e-10 * X)),
        bad=(of(elementwise(lambda x: x**3, lambda x: 3.00001 * x * x), 1e8 * X),),
    ),
    Row(
        10,
        "rows of low variance",
        good=(of(op(layernorm, layernorm_bwd), SMALL_ROWS),),
        bad=(of(op(layernorm, lambda dy, x: layernorm_bwd(dy, x) + 1e-7 * dy), SMALL_ROWS),),
    ),
    Row(
        11,
        "epsilon missing in the backward pass",
        good=(of(op(layernorm, layernorm_bwd), SMALL_ROWS),),
        bad=(of(op(layernorm, lambda dy, x: layernorm_bwd(dy, x, eps=0.0)), SMALL_ROWS),),
    ),
    Row(
        22,
        "a small entry under a large norm",
        good=(of(CUBE, 10.0 ** np.arange(-4, 1)),),
        bad=(
            of(op(lambda x: x**3, lambda dy, x: dy * 3 * x * np.abs(x - 2e-4)), NEAR_KINK + 1e-4),
        ),
    ),
    Row(
        23,
        "an error that a loose tolerance lets through",
        good=(of(elementwise(gelu, gelu_slope), X),),
        bad=(
            of(elementwise(gelu, lambda x: gelu_slope(x, cube=0.0447)), X),
            of(elementwise(gelu, lambda x: gelu_slope(x) * (1 + 1e-9)), X),
        ),
    ),
    Row(
        24,
        "right at one step of the differences",
        good=(of(elementwise(np.exp, np.exp), X),),
        bad=(of(op(np.exp, differences_bwd), X),),
    ),
    Row(
        41,
        "low precision",
        good=(
            of(elementwise(np.sin, np.cos), X.astype(np.float32)),
            of(elementwise(np.sin, np.cos), X.astype(np.float16)),
            of(op(softmax, lambda dy, x: softmax_bwd(dy, softmax(x))), X.astype(np.float32)),
            of(CUBE, (1e-3 * X).astype(np.float32)),
        ),
        bad=(of(elementwise(np.sin, lambda x: np.cos(x) * x.dtype.type(1.001)), X.astype("f4")),),
    ),
    Row(
        50,
        "traps of the complex step",
        good=(
            of(ABS, X),
            of(NORM, X),
            of(SORT, X),
            of(elementwise(into_a_real_buffer, lambda x: 2 * x), X),
            of(elementwise(lambda x: (x * np.conj(x)).real, lambda x: 2 * x), X),
            of(op(lambda x: float(np.sum(x * x)), lambda dy, x: dy * 2 * x), X),
        ),
        bad=(of(elementwise(lambda x: x * x.real, lambda x: x.copy()), X),),
    ),
    Row(
        51,
        "an input that does not matter",
        good=(of(UNUSED, X, draw(2)),),
        bad=(
            of(
                op(lambda x, z: np.sin(x), lambda dy, x, z: (dy * np.cos(x), z * 1e-12)), X, draw(2)
            ),
        ),
    ),
    Row(
        52,
        "next to the edge of a domain",
        good=(
            of(LOG, np.array([1e-12, 1e-3, 1.0])),
            of(ROOT, np.array([1e-12, 1e-3, 1.0])),
            of(ARC, np.array([1 - 1e-9, -0.5, 1e-9 - 1])),
        ),
        bad=(of(elementwise(np.log, lambda x: 1 / (x + 1e-14)), np.array([1e-12, 1e-3, 1.0])),),
    ),
    Row(
        53,
        "iterations that stop at a tolerance",
        good=(of(elementwise(newton_root, lambda x: 0.5 / np.sqrt(x)), 1 + np.abs(X)),),
        bad=(of(elementwise(newton_root, lambda x: 0.501 / np.sqrt(x)), 1 + np.abs(X)),),
    ),
    Row(
        54,
        "chaos",
        good=(of(elementwise(logistic, logistic_slope), np.array([0.2, 0.4, 0.9])),),
        bad=(
            of(
                elementwise(logistic, lambda x: logistic_slope(x) * 1.001),
                np.array([0.2, 0.4, 0.9]),
            ),
        ),
    ),
    Row(
        55,
        "NaN on both sides",
        bad=(of(Op(lambda x: (x * np.nan, x), lambda dy, x: dy * np.nan), X),),
        rule="finite",
    ),
    Row(
        56,
        "inputs that overlap in memory",
        good=(
            of(CUBE, np.broadcast_to(X[:1], X.shape)),
            of(CUBE, np.lib.stride_tricks.as_strided(X, (4, 4), (8, 8))),
        ),
        bad=(of(elementwise(lambda x: x**3, lambda x: x * x), np.broadcast_to(X[:1], X.shape)),),
    ),
]
