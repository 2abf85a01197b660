"""Are two failures the same one?"""

from dataclasses import replace

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from capstone.gradcheck.capsules.sameness import is_same_failure
from unit.gradcheck.samples import check_sin, draw, product_bwd, product_fwd, sin_bwd


def product(spoil):
    return check(Op(product_fwd, lambda dy, saved: spoil(*product_bwd(dy, saved))), *draw(2, 3, 5))


DOUBLED = product(lambda da, db: (2 * da, db))


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (product(lambda da, db: (2 * da, db)), True),
        (product(lambda da, db: (da, 2 * db)), False),
        (product(lambda da, db: (2 * da, 2 * db)), False),
        (product(lambda da, db: (0 * da, db)), False),
        (product(lambda da, db: (da, db)), False),
        (replace(DOUBLED, method="noise-limited ladder"), False),
        (replace(DOUBLED, depth="projection"), True),
    ],
)
def test_the_same_gradients_are_wrong_in_the_same_way(other, is_same):
    assert is_same_failure(DOUBLED, other) is is_same


def test_a_factor_may_change_with_the_sizes_only():
    tripled = product(lambda da, db: (3 * da, db))
    assert is_same_failure(DOUBLED, tripled)
    assert not is_same_failure(DOUBLED, tripled, at_same_sizes=True)


def test_without_wrong_gradients_the_broken_rules_count():
    clipped = check_sin(backward=lambda dy, x: np.clip(sin_bwd(dy, x), -9, 9))
    shared = check_sin(backward=lambda dy, x: (np.multiply(dy, np.cos(x), out=x),)[0])
    assert not clipped.wrong_arguments
    assert is_same_failure(clipped, check_sin(backward=lambda dy, x: sin_bwd(dy, x).clip(-7, 7)))
    assert not is_same_failure(clipped, shared)
