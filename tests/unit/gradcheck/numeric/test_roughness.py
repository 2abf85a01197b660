"""The uncertainty of outputs: no less than what rounding does, no more than what it may do."""

import numpy as np

from capstone.gradcheck.numeric.roughness import Roughness
from unit.gradcheck.samples import elementwise, evaluator_of

EPS = float(np.finfo(float).eps)
ALL = np.ones((1, 4), bool)


def roughness_of(f, *numbers: float):
    evaluator = evaluator_of(elementwise(f, lambda x: x), np.array(numbers))
    return evaluator, Roughness(evaluator, np.random.default_rng(0)).of


def test_a_smooth_forward_is_as_rough_as_its_output_is_large() -> None:
    evaluator, of = roughness_of(np.exp, 0.1, 1.0, 2.0, 3.0)
    terms = EPS * np.abs(evaluator.dy * evaluator.base).sum()
    assert terms <= of(ALL)[0] <= 8 * terms


def test_only_what_moves_counts() -> None:
    _, of = roughness_of(lambda x: x * [1, 1e8, 1, 1], 0.1, 1.0, 2.0, 3.0)
    small = np.array([[True, False, False, False]])
    assert of(small)[0] < of(ALL)[0] / 10**6


def test_where_nothing_moves_everything_may_have() -> None:
    _, of = roughness_of(np.exp, 0.1, 1.0, 2.0, 3.0)
    assert of(~ALL)[0] == of(ALL)[0]


def test_an_offset_inside_shows() -> None:
    _, of = roughness_of(lambda x: (x + 1e6) - 1e6, 0.1, 1.0, 2.0, 3.0)
    assert of(ALL)[0] > 10**5 * EPS


def test_a_forward_that_is_flat_between_jumps_shows_by_far_steps() -> None:
    _, of = roughness_of(lambda x: x.astype(np.float32).astype(float), 0.3, 1.1, 2.3, 3.7)
    assert of(ALL)[0] > float(np.finfo(np.float32).eps) / 8
