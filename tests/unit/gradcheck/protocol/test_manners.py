"""Each rule: a subject that keeps it passes, one that breaks it is named."""

import copy
import threading

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from unit.gradcheck.samples import Affine, check_sin, draw, product_fwd, rules, sin_bwd, sin_fwd

REMEMBERED = {}


def remembering_fwd(x):
    REMEMBERED["x"] = x
    return np.sin(x), None


def clipped(dy, x):
    gradient = sin_bwd(dy, x)
    norm = np.linalg.norm(gradient)
    return gradient * min(1, 100 / norm) if norm else gradient


def random_fwd(x):
    return np.sin(x) * RANDOM.random(), x


RANDOM = np.random.default_rng(0)
BUFFER = np.zeros((3, 4))


def buffered(dy, x):
    if x.shape != BUFFER.shape:
        return sin_bwd(dy, x)
    np.multiply(dy, np.cos(x), out=BUFFER)
    return BUFFER


FUNCTIONS = {
    "zero": (sin_fwd, lambda dy, x: sin_bwd(dy, x) + (0 if dy.any() else 1)),
    "linearity": (sin_fwd, clipped),
    "repeat": (random_fwd, sin_bwd),
    "buffer": (sin_fwd, buffered),
    "memory": (lambda x: (x + 1, None), lambda dy, _: dy[:]),
    "saved": (lambda x: (np.sin(x), np.cos(x)), lambda dy, c: np.multiply(dy, c, out=c)),
    "interleave": (remembering_fwd, lambda dy, _: sin_bwd(dy, REMEMBERED["x"])),
}


@pytest.mark.parametrize("rule", FUNCTIONS)
def test_bad_function_is_named(rule: str) -> None:
    REMEMBERED.clear()
    report = check_sin(*FUNCTIONS[rule])
    assert not report.ok
    assert rule in rules(report)


def test_good_function_and_good_layer_break_no_rule() -> None:
    assert not check_sin().findings
    assert not check(Affine(), draw(2, 5, 3)).findings


@pytest.mark.parametrize("backward", [lambda dy, x: abs(dy) * np.cos(x), lambda dy, x: np.cos(x)])
def test_sign_of_a_scalar_upstream_matters(backward) -> None:
    for seed in range(6):
        op = Op(lambda x: (np.sin(x).sum(), x), backward)
        assert not check(op, draw(3), seed=seed).ok


def test_gradients_that_share_memory_are_both_named() -> None:
    def backward(dy, saved):
        both = dy.copy()
        return both, both

    report = check(Op(lambda a, b: (a + b, None), backward), draw(3), draw(3, seed=1))
    assert report.findings[0].arguments == ("a", "b")


class Assigning(Affine):
    def add(self, parameter, gradient):
        parameter.grad = gradient if parameter is self.w else parameter.grad + gradient


class HugeAssigning(Assigning):
    def forward(self, x):
        return super().forward(1e18 * x)

    def backward(self, dy):
        return 1e18 * super().backward(dy)


class SharedState(Affine):
    seen = {}  # noqa: RUF012 - the mistake that is planted here

    def forward(self, x):
        self.seen["x"] = x
        return x @ self.w.data + self.b.data

    def backward(self, dy):
        self.x = self.seen["x"]
        return super().backward(dy)


class StaleWeights(Affine):
    def forward(self, x):
        if not hasattr(self, "kept"):
            self.kept = self.w.data.copy()
        return super().forward(x)

    def backward(self, dy):
        super().backward(dy)
        return dy @ self.kept.T


class Aliasing(Affine):
    def parameters(self):
        return []

    def forward(self, x):
        self.slope = np.cos(x)
        return np.sin(x)

    def backward(self, dy):
        self.slope *= dy
        return self.slope


LAYERS = {
    "accumulate": Assigning,
    "interleave": SharedState,
    "elsewhere": StaleWeights,
    "memory": Aliasing,
}


@pytest.mark.parametrize("rule", LAYERS)
def test_bad_layer_is_named(rule: str) -> None:
    SharedState.seen.clear()
    assert rule in rules(check(LAYERS[rule](), draw(2, 5, 3)))


def test_assigned_gradient_is_blamed_alone_even_if_it_is_huge() -> None:
    (finding,) = check(HugeAssigning(), draw(2, 5, 3)).findings
    assert (finding.rule, finding.arguments) == ("accumulate", ("w",))


def test_layer_that_cannot_be_copied_passes_with_a_warning() -> None:
    layer = Affine()
    layer.lock = threading.Lock()
    with pytest.raises(TypeError):
        copy.deepcopy(layer)
    report = check(layer, draw(2, 5, 3))
    report.raise_if_wrong()
    assert report.warnings == ["no second instance: it cannot be copied (TypeError)"]


def test_saved_values_of_any_kind_may_be_kept() -> None:
    def forward(x):
        return np.sin(x), {"x": x, "words": np.array(["a"], object)}

    check_sin(forward, lambda dy, saved: sin_bwd(dy, saved["x"])).raise_if_wrong()


def test_product_of_two_arguments_breaks_no_rule() -> None:
    right = Op(product_fwd, lambda dy, s: [dy * s[1], dy * s[0]])
    check(right, draw(3, 4), draw(3, 4, seed=1)).raise_if_wrong()
