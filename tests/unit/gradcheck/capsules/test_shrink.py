"""Smaller and simpler inputs, as long as the failure stays the same."""

import numpy as np
import pytest

from capstone import ops
from capstone.errors import UsageError
from capstone.gradcheck import Op
from capstone.gradcheck.capsules.shrink import shrink
from unit.gradcheck.samples import Affine, draw, product_bwd, product_fwd, rules

LINEAR = Op(ops.linear_fwd, lambda dy, saved: (ops.linear_bwd(dy, saved)[0], half(dy, saved)))


def half(dy, saved):
    return ops.linear_bwd(dy, saved)[1] / 2


def shapes(shrunk):
    return [np.shape(thing) for thing in shrunk.inputs]


def test_a_dimension_shrinks_in_all_arrays_at_once():
    shrunk = shrink(LINEAR, draw(2, 3, 5), draw(5, 7))
    assert shapes(shrunk) == [(1, 1, 1), (1, 1)]
    assert shrunk.report.wrong_arguments == ["weight"]
    assert not shrunk.report.ok


def test_numbers_become_simple():
    shrunk = shrink(LINEAR, draw(2, 3, 5), draw(5, 7))
    x, weight = shrunk.inputs
    assert x.tolist() == [[[1.0]]]  # with 0 the gradient would be 0, and right
    assert weight.tolist() == [[1.0]]


def test_two_dimensions_of_one_size_shrink_apart():
    shrunk = shrink(LINEAR, draw(5, 5), draw(5, 7))
    assert shapes(shrunk) == [(1, 1), (1, 1)]


def test_an_axis_that_is_a_multiple_shrinks_along():
    def fwd(x, w):  # the heads stand side by side along the last axis
        heads = x.reshape(len(x), len(w), -1)
        return heads * w[:, None], (heads, w)

    def bwd(dy, saved):
        heads, w = saved
        return (dy * w[:, None]).reshape(len(dy), -1), 2 * (dy * heads).sum(axis=(0, 2))

    shrunk = shrink(Op(fwd, bwd), draw(2, 15), draw(3))
    assert shapes(shrunk) == [(1, 1), (1,)]


def test_what_the_failure_needs_is_kept():
    def bwd(dy, saved):
        da, db = product_bwd(dy, saved)
        if da.shape[0] > 4:
            da = da.copy()
            da[4] *= 3
        return da, db

    shrunk = shrink(Op(product_fwd, bwd), draw(11, 3), draw(11, 3, seed=1))
    assert shapes(shrunk) == [(6, 2), (6, 2)]  # in 5 rows it would be the last one: another kind


def test_a_window_may_lie_in_the_middle():
    x = np.ones((3, 11))
    x[:, 7] = -2.0

    def bwd(dy, saved):
        a, b = saved
        return dy * b, np.where(a < 0, 2, 1) * dy * a

    shrunk = shrink(Op(product_fwd, bwd), x, draw(3, 11))
    assert shapes(shrunk) == [(1, 1), (1, 1)]
    assert (shrunk.inputs[0] < 0).sum() == 1


def test_ids_stay_within_a_table_that_shrinks():
    def fwd(ids, table):
        return ops.embedding_fwd(ids, table)

    def bwd(dy, saved):
        return 2 * ops.embedding_bwd(dy, saved)[0]

    ids = np.array([[10, 3, 7], [7, 0, 10]])
    shrunk = shrink(Op(fwd, bwd), ids, draw(11, 5))
    assert shapes(shrunk) == [(1, 1), (1, 1)]
    assert shrunk.inputs[0].tolist() == [[0]]
    assert shrunk.inputs[0].dtype == ids.dtype


def test_a_broken_rule_stays_the_same_rule():
    def clipped(dy, saved):
        return tuple(np.clip(grad, -50, 50) for grad in product_bwd(dy, saved))

    shrunk = shrink(Op(product_fwd, clipped), draw(3, 5), draw(3, 5, seed=1))
    assert rules(shrunk.report) == {"linearity"}
    assert shapes(shrunk) == [(1, 1), (1, 1)]


def test_the_kind_of_error_stays_the_same():
    def transposed(dy, saved):
        x, weight = saved
        return dy @ weight.T, (dy.T @ x).reshape(weight.shape)

    shrunk = shrink(Op(lambda x, w: (x @ w, (x, w)), transposed), draw(3, 5), draw(5, 7))
    (argument,) = [a for a in shrunk.report.arguments if not a.is_right]
    assert argument.kind == "transposed"


def test_a_kink_is_not_taken_for_the_failure():
    def bwd(dy, x):
        return 2 * dy * (x > 0)

    shrunk = shrink(Op(lambda x: (np.maximum(x, 0), x), bwd), np.abs(draw(3, 5)) + 0.5)
    assert shrunk.inputs[0].tolist() == [[1.0]]
    assert shrunk.report.arguments[0].diagnosis.startswith("analytic = 2 x numeric")


def test_an_upstream_gradient_that_is_not_needed_goes():
    shrunk = shrink(LINEAR, draw(3, 5), draw(5, 7), upstream=draw(3, 7))
    assert "upstream" not in shrunk.options


def test_an_upstream_gradient_that_is_needed_shrinks_along():
    def bwd(dy, saved):
        da, db = product_bwd(dy, saved)
        return da, db * (2 if np.abs(dy).max() > 50 and np.abs(dy).max() < 300 else 1)

    given = np.full((3, 5), 200.0)
    shrunk = shrink(Op(product_fwd, bwd), draw(3, 5), draw(3, 5, seed=1), upstream=given)
    assert shrunk.options["upstream"].shape == (1, 1)
    assert given.shape == (3, 5)


def test_the_inputs_of_a_layer_shrink_and_its_parameters_stay():
    class Doubled(Affine):
        def backward(self, dy):
            self.w.grad = self.w.grad + self.x.reshape(-1, 3).T @ dy.reshape(-1, 4)
            return super().backward(dy)

    layer = Doubled()
    before = layer.w.data.copy()
    shrunk = shrink(layer, draw(2, 5, 3))
    assert shapes(shrunk) == [(1, 1, 3)]
    assert np.array_equal(layer.w.data, before)


def test_the_inputs_that_were_given_are_left_alone():
    x, weight = draw(3, 5), draw(5, 7)
    before = x.copy(), weight.copy()
    shrink(LINEAR, x, weight)
    assert np.array_equal(x, before[0])
    assert np.array_equal(weight, before[1])


def test_it_is_deterministic():
    first, second = (shrink(LINEAR, draw(2, 3, 5), draw(5, 7)) for _ in range(2))
    assert first.checks == second.checks
    for one, other in zip(first.inputs, second.inputs, strict=True):
        assert np.array_equal(one, other)


def test_the_number_of_checks_is_bounded():
    shrunk = shrink(LINEAR, draw(2, 3, 5), draw(5, 7), most_checks=3)
    assert shrunk.checks == 3
    assert not shrunk.report.ok


def test_without_time_the_original_is_kept():
    x, weight = draw(2, 3, 5), draw(5, 7)
    shrunk = shrink(LINEAR, x, weight, most_seconds=0)
    assert np.array_equal(shrunk.inputs[0], x)
    assert np.array_equal(shrunk.inputs[1], weight)
    assert not shrunk.report.ok


def test_plain_values_are_handed_on():
    def fwd(x, power):
        return x**power, (x, power)

    def bwd(dy, saved):
        x, power = saved
        return dy * x ** (power - 1)

    shrunk = shrink(Op(fwd, bwd), draw(3, 5), 3)
    assert shrunk.inputs[1] == 3


def test_a_right_gradient_is_refused():
    with pytest.raises(UsageError, match="shrink: only a check that fails can be shrunk: expected"):
        shrink(Op(product_fwd, product_bwd), draw(3), draw(3))


def test_misuse_is_that_of_check():
    with pytest.raises(UsageError, match="check: unknown depth"):
        shrink(LINEAR, draw(3, 5), draw(5, 7), depth="deep")
