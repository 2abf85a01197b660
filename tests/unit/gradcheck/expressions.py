"""Random expressions of arrays, with a reverse pass written out rule by rule.

The reverse pass shares nothing with the verifier: each rule is the transposed derivative of its own
line, and gradients of values that are used twice add up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from capstone._typing import Array
from capstone.gradcheck import Op

N = 3  # every value is a matrix (..., N, N), so that all rules go together


class Rule(NamedTuple):
    """`forward(*operands)` and `backward(dy, *operands)`, one gradient an operand."""

    forward: Callable[..., Array]
    backward: Callable[..., tuple[Array, ...]]


def turned(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def spread(x: Array) -> Array:
    """Column sums in every row."""
    return np.asarray(x.sum(axis=-2, keepdims=True) + np.zeros_like(x))


ROWS = [2, 0, 2]  # a repeated index, and an absent one


def gathered_bwd(dy: Array, x: Array) -> tuple[Array]:
    dx = np.zeros_like(x)
    np.add.at(dx, np.array(ROWS), dy)
    return (dx,)


RULES = {
    "+": Rule(lambda a, b: a + b, lambda dy, a, b: (dy, dy)),
    "-": Rule(lambda a, b: a - b, lambda dy, a, b: (dy, -dy)),
    "*": Rule(lambda a, b: a * b, lambda dy, a, b: (dy * b, dy * a)),
    "@": Rule(lambda a, b: a @ b / N, lambda dy, a, b: (dy @ b.T / N, a.T @ dy / N)),
    "tanh": Rule(np.tanh, lambda dy, a: (dy * (1 - np.tanh(a) ** 2),)),
    "exp": Rule(lambda a: np.exp(a / 4), lambda dy, a: (dy * np.exp(a / 4) / 4,)),
    "sin": Rule(np.sin, lambda dy, a: (dy * np.cos(a),)),
    "transpose": Rule(turned, lambda dy, a: (dy.T,)),
    "sum": Rule(spread, lambda dy, a: (np.broadcast_to(dy.sum(axis=0), dy.shape),)),
    "rows": Rule(lambda a: a[..., ROWS, :], gathered_bwd),
}
PAIRS = frozenset("+-*@")


class Step(NamedTuple):
    """One line: a rule, and the numbers of earlier values that it takes."""

    rule: str
    operands: tuple[int, ...]


@dataclass(frozen=True)
class Expression:
    """Lines over inputs 0 and 1; the result is the sum of all values that no line uses.

    Args:
        steps: one a line.
    """

    steps: tuple[Step, ...]

    def forward(self, a: Array, b: Array) -> tuple[Array, list[Array]]:
        values = [a, b]
        for rule, operands in self.steps:
            values.append(RULES[rule].forward(*(values[i] for i in operands)))
        return np.asarray(sum(values[i] for i in self.unused())), values

    def backward(self, dy: Array, values: Sequence[Array]) -> tuple[Array, Array]:
        grads = [dy if i in self.unused() else np.zeros_like(v) for i, v in enumerate(values)]
        for number in reversed(range(len(self.steps))):
            rule, operands = self.steps[number]
            inner = RULES[rule].backward(grads[number + 2], *(values[i] for i in operands))
            for operand, grad in zip(operands, inner, strict=True):
                grads[operand] = grads[operand] + grad
        return grads[0].copy(), grads[1].copy()

    def unused(self) -> set[int]:
        """Numbers of the values that make up the result."""
        used = {operand for step in self.steps for operand in step.operands}
        return set(range(len(self.steps) + 2)) - used

    def op(self) -> Op:
        return Op(self.forward, self.backward, "expression")


@st.composite
def expressions(draw: Any) -> Expression:
    """Up to six lines, each over any values above it."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 6))):
        rule = draw(st.sampled_from(sorted(RULES)))
        count = 2 if rule in PAIRS else 1
        earlier = st.integers(0, len(steps) + 1)
        steps.append(Step(rule, tuple(draw(earlier) for _ in range(count))))
    return Expression(tuple(steps))
