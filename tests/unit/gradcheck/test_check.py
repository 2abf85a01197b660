"""The entry point: what it accepts, what it refuses and in which words, and that it repeats."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from unit.gradcheck.samples import (
    ABS,
    RELU,
    Affine,
    check_sin,
    draw,
    elementwise,
    product_bwd,
    product_fwd,
    rules,
    sin_bwd,
    sin_fwd,
)

PRODUCT = Op(product_fwd, product_bwd)
RIGHT = {
    "op": (Op(sin_fwd, sin_bwd), draw(3, 4)),
    "layer": (Affine(), draw(2, 5, 3)),
    "relu": (RELU, np.array([-1.0, 2.0, -3.0, 0.5])),
    "abs": (ABS, draw(3, 4)),
    "scalar input": (Op(sin_fwd, sin_bwd), 0.7),
    "one entry": (Op(sin_fwd, sin_bwd), np.array([0.7])),
    "float output": (
        Op(lambda x: (float(np.abs(x).sum()), x), lambda dy, x: dy * np.sign(x)),
        draw(3),
    ),
    "argument that does not matter": (
        Op(lambda x, z: (np.sin(x), (x, z)), lambda dy, s: (dy * np.cos(s[0]), 0 * s[1])),
        draw(3),
        draw(2),
    ),
    "no gradient for integers": (
        Op(lambda x, k: (x**k, (x, k)), lambda dy, s: (dy * s[1] * s[0] ** (s[1] - 1), None)),
        draw(3),
        np.array([2, 3, 1]),
    ),
    "positive axes": (
        Op(lambda x: (x.sum(1), x.shape), lambda dy, s: np.broadcast_to(dy[:, None], s).copy()),
        draw(2, 3, 4),
    ),
    "offset": (elementwise(lambda x: x * x + 1e8, lambda x: 2 * x), draw(3)),
    "large": (elementwise(lambda x: x**3, lambda x: 3 * x * x), 1e8 * draw(3)),
    "small": (elementwise(lambda x: x**3, lambda x: 3 * x * x), 1e-12 * draw(3)),
    "scales from 1e-12 to 1e8": (elementwise(np.log, lambda x: 1 / x), 10.0 ** np.arange(-12, 9)),
    "float32": (Op(sin_fwd, sin_bwd), draw(3).astype(np.float32)),
    "longdouble": (Op(sin_fwd, sin_bwd), draw(3).astype(np.longdouble)),
    "ill-conditioned inverse": (
        Op(lambda a: (np.linalg.inv(a),) * 2, lambda dy, y: -y.T @ dy @ y.T),
        draw(4, 4) + 1e4,
    ),
    "offsets that must stay sorted": (
        Op(
            lambda x, at: (np.add.reduceat(x, at), (len(x), at)),
            lambda dy, s: np.repeat(dy, np.diff([*s[1], s[0]])),
        ),
        draw(7),
        np.array([0, 2, 5]),
    ),
}


@pytest.mark.parametrize("method", ["auto", "ladder"])
@pytest.mark.parametrize("depth", ["auto", "projection"])
@pytest.mark.parametrize("name", RIGHT)
def test_right_subject_passes(name: str, depth: str, method: str) -> None:
    check(RIGHT[name][0], *RIGHT[name][1:], depth=depth, method=method).raise_if_wrong()


def test_saturated_softmax_row_passes() -> None:
    def forward(x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        return y, y

    def backward(dy, y):
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))

    for seed in range(20):
        check(Op(forward, backward), np.array([30.0, 0.0]), seed=seed).raise_if_wrong()


def test_plain_function_with_its_backward() -> None:
    check(np.sin, draw(3), backward=lambda dy, x: dy * np.cos(x)).raise_if_wrong()


def test_error_of_1e_9_in_one_entry_of_one_argument_is_found() -> None:
    def spoiled(dy, saved):
        da, db = product_bwd(dy, saved)
        db.reshape(-1)[7] *= 1 + 1e-9
        return da, db

    report = check(Op(product_fwd, spoiled), draw(3, 4), draw(3, 4, seed=1))
    assert report.wrong_arguments == ["b"]
    assert report.arguments[1].worst == (1, 3)


@pytest.mark.parametrize("wrt", [1, "b", ["b"], [1], np.array([1])])
def test_wrt_chooses_by_name_and_by_number(wrt) -> None:
    report = check(PRODUCT, draw(3), draw(3, seed=1), wrt=wrt)
    assert [argument.name for argument in report.arguments] == ["b"]


def test_a_wrong_argument_outside_wrt_is_not_compared() -> None:
    spoiled = Op(product_fwd, lambda dy, s: (dy * s[1], 2 * dy * s[0]))
    assert check(spoiled, draw(3), draw(3, seed=1), wrt="a").wrong_arguments == []


@pytest.mark.parametrize("method", ["auto", "ladder"])
def test_same_seed_gives_the_same_report(method: str) -> None:
    first, second = (check_sin(seed=5, method=method).to_dict() for _ in range(2))
    first.pop("seconds"), second.pop("seconds")
    assert first == second


def test_another_seed_draws_another_upstream() -> None:
    assert check_sin(seed=1).arguments[0].numeric != check_sin(seed=2).arguments[0].numeric


def test_the_replay_command_names_the_whole_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test[a b] (call)")
    assert check_sin().replay == 'pytest "test_it.py::test[a b]"'


MISUSE = {
    "no backward": ((np.sin, draw(3)), {}, "check: the subject must have a backward pass"),
    "class": ((Affine, draw(2, 3)), {}, "check: the subject must be an object, not its class"),
    "object array": ((PRODUCT, np.array([None]), 1.0), {}, "check: a must be a numeric array"),
    "ragged": ((PRODUCT, [[1, 2], [3]], 1.0), {}, "got rows of unequal length"),
    "complex input": ((PRODUCT, 1j, 1.0), {}, "got dtype complex128"),
    "integers only": ((PRODUCT, 1, 2), {}, "check: something must be differentiable"),
    "too few inputs": ((PRODUCT, 1.0), {}, "check: forward of product must run on the given"),
    "unknown wrt": ((PRODUCT, 1.0, 2.0), {"wrt": ["c"]}, "expected some of 0 (a), 1 (b), got"),
    "empty wrt": ((PRODUCT, 1.0, 2.0), {"wrt": []}, "expected some of 0 (a), 1 (b), got none"),
    "depth": ((PRODUCT, 1.0, 2.0), {"depth": "deep"}, "check: unknown depth: expected one of"),
    "method": ((PRODUCT, 1.0, 2.0), {"method": None}, "check: unknown method: expected one of"),
    "seed": ((PRODUCT, 1.0, 2.0), {"seed": -1}, "check: seed must be a non-negative integer"),
    "analytic": (
        (ABS, draw(3)),
        {"method": "complex"},
        "check: the complex step needs an analytic forward pass",
    ),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused_in_words(name: str) -> None:
    arguments, options, words = MISUSE[name]
    with pytest.raises(UsageError, match=re.escape(words)):
        check(*arguments, **options)


@pytest.mark.parametrize(
    "inputs",
    [np.zeros((0, 3)), np.zeros((2, 3))],
    ids=["empty", "constant"],
)
def test_nothing_but_zeros_is_vacuous(inputs) -> None:
    report = check(Op(lambda x: (x * x, x), lambda dy, x: 2 * dy * x), inputs)
    assert not report.ok
    assert "vacuous" in rules(report)


def test_zeros_to_rounding_are_vacuous() -> None:
    report = check(Op(lambda x: (x - x.sum() + x.sum() - x, x), lambda dy, x: 0 * dy), draw(5))
    assert "vacuous" in rules(report)
