"""Measured noise: large where digits are lost, small where they are not."""

import numpy as np

from capstone.gradcheck.subjects.functions import FunctionSubject
from capstone.gradcheck.verdict.base import Base
from capstone.gradcheck.verdict.noise import SAMPLES, allowance, scatter
from unit.gradcheck.samples import draw, elementwise

EPS = float(np.finfo(float).eps)


def noise_of(slope) -> float:
    x, dy = 1 + np.abs(draw(5)), np.ones(5)
    subject = FunctionSubject(elementwise(np.sin, slope), [x])
    base = Base([x], dy, [dy * slope(x)], False)
    samples = list(scatter(subject, base, np.random.default_rng(0)))
    assert len(samples) == 2 * SAMPLES  # of the inputs alone, and of the saved values too
    return float(np.max(allowance([sample[0] for sample in samples])))


def test_noise_of_a_plain_gradient_is_some_roundings() -> None:
    assert 0 < noise_of(np.cos) < 100 * EPS


def test_noise_shows_ill_conditioning() -> None:
    assert noise_of(lambda x: np.cos(1e5 * x)) > 1000 * EPS


def test_no_samples_allow_nothing() -> None:
    assert allowance([]) == 0.0
