"""Small right subjects, and the ways to spoil them that several test files share."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from capstone.gradcheck import Op, Report, check
from capstone.gradcheck.numeric.evaluator import Evaluator
from capstone.gradcheck.subjects.functions import FunctionSubject

Array = np.ndarray[Any, np.dtype[Any]]


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def sin_fwd(x: Array) -> tuple[Array, Array]:
    return np.sin(x), x


def sin_bwd(dy: Array, x: Array) -> Array:
    return dy * np.cos(x)


def product_fwd(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    return a * b, (a, b)


def product_bwd(dy: Array, saved: tuple[Array, Array]) -> tuple[Array, Array]:
    a, b = saved
    return dy * b, dy * a


def elementwise(f: Any, slope: Any) -> Op:
    return Op(lambda x: (f(x), x), lambda dy, x: dy * slope(x), name="elementwise")


RELU = elementwise(lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0)
ABS = elementwise(np.abs, np.sign)


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def check_sin(forward: Any = sin_fwd, backward: Any = sin_bwd, **options: Any) -> Report:
    return check(Op(forward, backward, name="sin"), draw(3, 4), **options)


def evaluator_of(op: Op, *inputs: Any) -> Evaluator:
    subject = FunctionSubject(op, inputs)
    values = [argument.value for argument in subject.arguments]
    y, _ = subject.forward(values)
    return Evaluator(subject, values, np.cos(1.0 + np.arange(np.size(y))).reshape(np.shape(y)))


class Affine:
    """`x @ w + b`, right; tests override one method."""

    def __init__(self) -> None:
        self.w = SimpleNamespace(data=draw(3, 4, seed=1), grad=None, name="w")
        self.b = SimpleNamespace(data=draw(4, seed=2), grad=None, name="b")

    def parameters(self) -> list[Any]:
        return [self.w, self.b]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.w.data + self.b.data

    def backward(self, dy: Array) -> Array:
        self.add(self.w, self.x.reshape(-1, 3).T @ dy.reshape(-1, 4))
        self.add(self.b, dy.reshape(-1, 4).sum(axis=0))
        return dy @ self.w.data.T

    def add(self, parameter: Any, gradient: Array) -> None:
        parameter.grad = parameter.grad + gradient
