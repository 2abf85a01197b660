"""The backward pass itself as a subject."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from unit.gradcheck.samples import Affine, draw, product_bwd, product_fwd, rules, sin_bwd, sin_fwd


def sin_twice(ddgrads, dy, x):
    (ddx,) = ddgrads
    return ddx * np.cos(x), -ddx * dy * np.sin(x)


def product_twice(ddgrads, dy, saved):
    (dda, ddb), (a, b) = ddgrads, saved
    return dda * b + ddb * a, ddb * dy, dda * dy


def half(ddgrads, dy, saved):
    ddy, da, db = product_twice(ddgrads, dy, saved)
    return ddy, da / 2, db


def second(forward, backward, twice):
    return Op(forward, backward, backward_of_backward=twice)


def test_a_right_second_backward_passes() -> None:
    report = check(second(sin_fwd, sin_bwd, sin_twice), draw(3, 4), order=2)
    report.raise_if_wrong()
    assert report.name == "backward of sin"
    assert [argument.name for argument in report.arguments] == ["dy", "x"]


def test_several_gradients_count_as_one_flat_output() -> None:
    op = second(product_fwd, product_bwd, product_twice)
    check(op, draw(3, 4), draw(3, 4, seed=1), order=2).raise_if_wrong()


def test_a_wrong_second_backward_is_found() -> None:
    op = second(product_fwd, product_bwd, half)
    assert check(op, draw(3, 4), draw(3, 4, seed=1), order=2).wrong_arguments == ["a"]


def test_too_few_gradients_break_the_contract() -> None:
    op = second(sin_fwd, sin_bwd, lambda dd, dy, x: sin_twice(dd, dy, x)[:1])
    assert rules(check(op, draw(3), order=2)) == {"contract"}


@pytest.mark.parametrize("subject", [Op(sin_fwd, sin_bwd), Affine()])
def test_a_subject_without_one_is_refused(subject) -> None:
    words = "expected an Op with backward_of_backward, or something of PyTorch or JAX, got none"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(subject, draw(2, 3), order=2)


def test_a_forward_that_fails_is_put_in_words() -> None:
    op = second(lambda x: x.no, sin_bwd, sin_twice)
    with pytest.raises(UsageError, match=r"forward of <lambda> must run on the given inputs: exp"):
        check(op, draw(3), order=2)


def test_a_forward_without_floats_is_put_in_words() -> None:
    op = second(lambda x: (x > 0, x), sin_bwd, sin_twice)
    with pytest.raises(UsageError, match="must return one floating-point array: expected an array"):
        check(op, draw(3), order=2)
