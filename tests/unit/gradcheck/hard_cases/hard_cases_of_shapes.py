"""Hard cases of inputs: bugs that the usual shapes, values and settings hide."""

from collections.abc import Callable
from typing import Any

import numpy as np

from capstone._typing import Array
from unit.gradcheck.hard_cases.hard_row import Row, Trial, draw, of, op, softmax, softmax_bwd

X = draw(3, 5)
GAIN = np.array([-1.5, 0.7, 2.0, -0.6, 1.1])
SQUARE = draw(5, 5, seed=1)
SYMMETRIC = SQUARE + SQUARE.T
TABLE = draw(7, 4, seed=2)
BATCH = 3  # of the subject that was developed with three examples


def rmsnorm(x: Array, gain: Array) -> Array:
    return np.asarray(x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5) * gain)


def rmsnorm_bwd(dy: Array, x: Array, gain: Array, has_gain: bool = True) -> tuple[Array, Array]:
    rrms = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)
    xhat, dxhat = x * rrms, dy * gain if has_gain else dy
    dx = rrms * (dxhat - xhat * (dxhat * xhat).mean(axis=-1, keepdims=True))
    return dx, (dy * xhat).sum(axis=0)


def product_bwd(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    return dy @ w.T, x.T @ dy


def add(x: Array, b: Array) -> Array:
    return x + b


def summed_to(shape: tuple[int, ...], dy: Array) -> Array:
    """Undoes broadcasting."""
    dy = dy.sum(axis=tuple(range(dy.ndim - len(shape))))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return np.asarray(dy.sum(axis=axes, keepdims=True) if axes else dy)


def add_bwd(dy: Array, x: Array, b: Array) -> tuple[Array, Array]:
    return dy.copy(), summed_to(b.shape, dy).copy()


def scores(q: Array, k: Array) -> Array:
    return np.tanh(q @ k.T)


def scores_bwd(dy: Array, q: Array, k: Array) -> tuple[Array, Array]:
    ds = dy * (1 - np.tanh(q @ k.T) ** 2)
    return ds @ k, ds.T @ q


def transposed_scores_bwd(dy: Array, q: Array, k: Array) -> tuple[Array, Array]:
    """The gradients of queries and keys in each other's place."""
    return scores_bwd(dy, q, k)[::-1]


def squares_of_sum(q: Array, k: Array) -> Array:
    return np.asarray((q + 2 * k) ** 2)


def look_up(table: Array, ids: Array) -> Array:
    return table[..., ids, :]


def look_up_bwd(dy: Array, table: Array, ids: Array) -> tuple[Array, None]:
    d = np.zeros_like(table)
    np.add.at(d, ids, dy)
    return d, None


def overwriting_bwd(dy: Array, table: Array, ids: Array) -> tuple[Array, None]:
    """Loses what repeated ids add."""
    d = np.zeros_like(table)
    d[ids] += dy
    return d, None


def tied(table: Array, ids: Array) -> Array:
    return np.tanh(table[ids]) @ table.T


def tied_bwd(dy: Array, table: Array, ids: Array, both: bool = True) -> tuple[Array, None]:
    h = np.tanh(table[ids])
    d = dy.T @ h
    if both:
        np.add.at(d, ids, (dy @ table) * (1 - h * h))
    return d, None


def loss(logits: Array, targets: Array) -> Array:
    """Mean over the targets that are not -1."""
    p, valid = softmax(logits), targets >= 0
    chosen = np.take_along_axis(p, np.where(valid, targets, 0)[:, None], axis=-1)[..., 0]
    return np.asarray(-(np.where(valid, np.log(chosen), 0).sum(axis=-1)) / max(1, valid.sum()))


def loss_bwd(dy: Array, logits: Array, targets: Array, of_all: bool = False) -> Any:
    valid = targets >= 0
    d = softmax(logits)
    d[np.arange(len(d)), np.where(valid, targets, 0)] -= 1
    count = len(targets) if of_all else max(1, valid.sum())
    return dy * np.where(valid[:, None], d, 0) / count, None


def scaled(by: float, backward_by: float) -> Any:
    """Softmax of scaled scores."""
    return op(
        lambda x: softmax(by * x),
        lambda dy, x: backward_by * softmax_bwd(dy, softmax(by * x)),
    )


def heads(n: int, order: Callable[[Array], Array]) -> Any:
    """Softmax of each head; its backward pass takes the heads in another order."""

    def forward(x: Array) -> Array:
        return softmax(x.reshape(*x.shape[:-1], n, -1)).reshape(x.shape)

    def backward(dy: Array, x: Array) -> Array:
        split = x.reshape(*x.shape[:-1], n, -1)
        y = order(softmax(split))
        return softmax_bwd(dy.reshape(split.shape), y).reshape(x.shape)

    return op(forward, backward)


def tiled_bwd(dy: Array, x: Array) -> Array:
    """Works in tiles of four rows and forgets the rest."""
    dx, whole = np.zeros_like(x), len(x) // 4 * 4
    dx[:whole] = (dy * np.cos(x))[:whole]
    return dx


def swapped_bwd(dy: Array, x: Array) -> Array:
    """Two entries in each other's place."""
    dx = dy * 2 * x
    dx.reshape(-1)[[0, 1]] = dx.reshape(-1)[[1, 0]]
    return dx


def one_entry(by: float) -> Any:
    """A product with one wrong entry among thousands."""

    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        dx, dw = product_bwd(dy, x, w)
        dw.reshape(-1)[777] *= 1 + by
        return dx, dw

    return op(np.matmul, backward)


STENCIL = np.diag([2.0] * 5) + np.diag([-1.0] * 4, 1) + np.diag([0.5] * 3, -2)


def banded(dense: Array) -> Trial:
    """A linear map whose backward pass knows some of its entries."""
    return of(op(lambda x: x @ STENCIL.T, lambda dy, x: dy @ dense), X)


BIASES = [draw(5, seed=3), draw(1, 5, seed=3), draw(3, 1, seed=3), np.array(0.3)]
IDS, UNIQUE = np.array([0, 6, 2, 6, 0, 6]), np.array([0, 6, 2, 5, 1, 4])
TARGETS, ALL_VALID = np.array([3, -1, 0]), np.array([3, 1, 0])

ROWS_OF_SHAPES = [
    Row(
        12,
        "gains of one",
        good=(of(op(rmsnorm, rmsnorm_bwd), X, GAIN),),
        bad=(of(op(rmsnorm, lambda dy, x, g: rmsnorm_bwd(dy, x, g, False)), X, GAIN),),
        blind=(of(op(rmsnorm, lambda dy, x, g: rmsnorm_bwd(dy, x, g, False)), X, np.ones(5)),),
    ),
    Row(
        13,
        "symmetric weights",
        good=(of(op(np.matmul, product_bwd), X, SQUARE),),
        bad=(of(op(np.matmul, lambda dy, x, w: (dy @ w, x.T @ dy)), X, SQUARE),),
        blind=(of(op(np.matmul, lambda dy, x, w: (dy @ w, x.T @ dy)), X, SYMMETRIC),),
    ),
    Row(
        14,
        "a batch of one",
        good=(of(op(add, add_bwd), X, GAIN),),
        bad=(of(op(add, lambda dy, x, b: (dy.copy(), dy.mean(axis=0))), X, GAIN),),
        blind=(of(op(add, lambda dy, x, b: (dy.copy(), dy.mean(axis=0))), X[:1], GAIN),),
    ),
    Row(
        19,
        "queries that are keys",
        good=(of(op(scores, scores_bwd), X, draw(3, 5, seed=4)),),
        bad=(of(op(scores, transposed_scores_bwd), X, draw(3, 5, seed=4)),),
    ),
    Row(
        20,
        "two entries swapped",
        good=(of(op(np.square, lambda dy, x: dy * 2 * x), X),),
        bad=(of(op(np.square, swapped_bwd), X),),
        options={"depth": "projection"},
    ),
    Row(
        21,
        "one wrong entry of thousands",
        good=(of(one_entry(0.0), draw(4, 50), draw(50, 60, seed=1)),),
        bad=(of(one_entry(1e-6), draw(4, 50), draw(50, 60, seed=1)),),
        options={"depth": "projection"},
    ),
    Row(
        33,
        "repeated indices",
        good=(of(op(look_up, look_up_bwd), TABLE, IDS),),
        bad=(of(op(look_up, overwriting_bwd), TABLE, IDS),),
        blind=(of(op(look_up, overwriting_bwd), TABLE, UNIQUE),),
    ),
    Row(
        34,
        "tied weights",
        good=(of(op(tied, tied_bwd), TABLE, IDS),),
        bad=(of(op(tied, lambda dy, t, i: tied_bwd(dy, t, i, both=False)), TABLE, IDS),),
    ),
    Row(
        35,
        "broadcasting",
        good=tuple(of(op(add, add_bwd), X, bias) for bias in BIASES),
        bad=(
            of(op(add, lambda dy, x, b: (dy.copy(), dy.sum(axis=1))), SQUARE, GAIN),
            of(op(add, lambda dy, x, b: (dy.copy(), dy.sum(axis=1, keepdims=True))), SQUARE, GAIN),
        ),
    ),
    Row(
        37,
        "a sparsity pattern with a hole",
        good=(banded(STENCIL),),
        bad=(banded(np.triu(STENCIL)),),
    ),
    Row(
        44,
        "ignored targets",
        good=(
            of(op(loss, loss_bwd), X, TARGETS),
            of(op(loss, loss_bwd), X, ALL_VALID),
        ),
        bad=(of(op(loss, lambda dy, x, t: loss_bwd(dy, x, t, of_all=True)), X, TARGETS),),
        blind=(of(op(loss, lambda dy, x, t: loss_bwd(dy, x, t, of_all=True)), X, ALL_VALID),),
    ),
    Row(
        45,
        "settings of identity",
        good=(of(scaled(0.5, 0.5), X), of(scaled(1.0, 1.0), X)),
        bad=(of(scaled(0.5, 1.0), X),),
        blind=(of(scaled(1.0, 1.0), X),),
    ),
    Row(
        46,
        "heads in another order",
        good=(of(heads(3, lambda y: y), draw(2, 12)), of(heads(1, lambda y: y), draw(2, 12))),
        bad=(of(heads(3, lambda y: y[..., ::-1, :]), draw(2, 12)),),
        blind=(of(heads(1, lambda y: y[..., ::-1, :]), draw(2, 12)),),
    ),
    Row(
        60,
        "what is left after the last tile",
        good=(of(op(np.sin, lambda dy, x: dy * np.cos(x)), draw(7, 3)),),
        bad=(of(op(np.sin, tiled_bwd), draw(7, 3)),),
    ),
]
