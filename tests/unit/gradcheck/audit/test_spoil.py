"""Every gradient is spoiled in every way that changes it."""

import numpy as np

from capstone.gradcheck import Op
from capstone.gradcheck.audit.point import Point
from capstone.gradcheck.audit.spoil import KINDS, returned_bugs
from unit.gradcheck.samples import draw, product_bwd, product_fwd

A, B = draw(3, 4), draw(3, 4, seed=1)
POINT = Point(Op(product_fwd, product_bwd), (A, B), {})
DY = np.ones((3, 4))


def spoiled(words):
    """The gradients of the product with one bug in them."""
    (bug,) = [bug for bug in returned_bugs(POINT, [B, A]) if bug.words == words]
    subject = bug.plant(POINT)
    _, saved = subject.forward([A, B])
    return subject.backward(DY, saved)


def test_all_kinds_are_planted_in_each_argument():
    words = [bug.words for bug in returned_bugs(POINT, [B, A])]
    assert words[: len(KINDS)] == [f"d(a): {kind}" for kind in KINDS]
    assert words[len(KINDS)] == "d(a): that of b"
    assert len(words) == 2 * (len(KINDS) + 1)


def test_the_other_gradient_stays_right():
    da, db = spoiled("d(a): sign flipped")
    assert np.array_equal(da, -B)
    assert np.array_equal(db, A)


def test_another_arguments_gradient_takes_the_place():
    assert np.array_equal(spoiled("d(b): that of a")[1], B)


def test_a_transposed_gradient_keeps_its_shape():
    assert np.array_equal(spoiled("d(a): transposed")[0], B.T.reshape(3, 4))


def test_rows_at_both_ends_are_lost():
    assert not spoiled("d(a): the first row zero")[0][0].any()
    assert not spoiled("d(a): the last row zero")[0][-1].any()


def test_one_entry_is_off_by_what_the_bug_says():
    (bug,) = [
        b
        for b in returned_bugs(POINT, [B, A])
        if b.words.startswith("d(a): one entry off by 1e-06")
    ]
    error = spoiled(bug.words)[0] / B - 1
    assert np.count_nonzero(error) == 1
    assert np.isclose(error.max(), bug.size)


def test_what_would_change_nothing_is_not_planted():
    words = [
        bug.words
        for bug in returned_bugs(Point(np.sin, (1.0,), {"backward": np.cos}), [np.array(1.0)])
    ]
    assert "d(x): transposed" not in words
    assert "d(x): shifted by one" not in words
    assert next(iter(returned_bugs(POINT, [0 * B, 0 * A]))).words == "d(a): that of b"
