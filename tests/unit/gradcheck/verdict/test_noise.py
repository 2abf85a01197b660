"""Measured noise: large where digits are lost, small where they are not."""

from typing import Any

import numpy as np

from capstone.gradcheck import Op, check
from capstone.gradcheck.subjects.functions import FunctionSubject
from capstone.gradcheck.verdict.base import Base
from capstone.gradcheck.verdict.noise import BENDS, BENDS_EACH, SAMPLES, allowance, scatter
from unit.gradcheck.samples import draw, elementwise

EPS = float(np.finfo(float).eps)


def noise_of(slope) -> float:
    x, dy = 1 + np.abs(draw(5)), np.ones(5)
    subject = FunctionSubject(elementwise(np.sin, slope), [x])
    base = Base([x], dy, [dy * slope(x)], False)
    samples = list(scatter(subject, base, np.random.default_rng(0)))
    # of the inputs alone, of the saved values too, and of both sides at once where that is straight
    assert 2 * SAMPLES < len(samples) <= 2 * SAMPLES + 2 * len(BENDS) * BENDS_EACH
    return float(np.max(allowance([sample[0] for sample in samples])))


def test_noise_of_a_plain_gradient_is_some_roundings() -> None:
    assert 0 < noise_of(np.cos) < 100 * EPS


def test_noise_shows_ill_conditioning() -> None:
    assert noise_of(lambda x: np.cos(1e5 * x)) > 1000 * EPS


def test_noise_shows_the_coarse_steps_of_a_sum_that_cancels() -> None:
    def backward(dy: Any, a: Any) -> Any:
        return (dy * 2 * a + dy) - dy

    for seed in range(30):
        a = 1e-3 * draw(3, 3, seed=seed)
        check(Op(lambda a: (a - a + a * a, a), backward), a, seed=seed).raise_if_wrong()


def test_no_samples_allow_nothing() -> None:
    assert allowance([]) == 0.0
