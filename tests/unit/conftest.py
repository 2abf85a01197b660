"""A project of somebody's own, for the tests of what is named by its place in the source."""

import sys
from pathlib import Path

import pytest

GATES = """
import numpy as np


def gate_fwd(x, w):
    return np.tanh(x) * w, (x, w)


def gate_bwd(dy, saved):
    x, w = saved
    t = np.tanh(x)
    return dy * w * (1 - t * t), (dy * t).sum(axis=0)


def wrong_bwd(dy, saved):
    dx, dw = gate_bwd(dy, saved)
    return dx, 2 * dw


tilt_fwd, tilt_bwd = gate_fwd, wrong_bwd


def square(x):
    return x * x


def square_backward(dy, x):
    return 3 * dy * x


class Weight:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class Scale:
    def __init__(self, factor=2.0):
        self.w = Weight(np.random.default_rng().standard_normal(5))
        self.factor = factor

    def named_parameters(self):
        return [("w", self.w)]

    def forward(self, x):
        self.x = x
        return x * self.w.data

    def backward(self, dy):
        self.w.grad = self.w.grad + self.factor * (dy * self.x).sum(axis=0)
        return dy * self.w.data


class Sized(Scale):
    def __init__(self, size):
        super().__init__()


def make_scale():
    return Scale()


right_scale = Scale(1.0)
"""


@pytest.fixture
def gates(tmp_path, monkeypatch):
    """The folder of that project, which is the current one; its modules are forgotten later."""
    (tmp_path / "gates.py").write_text(GATES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
