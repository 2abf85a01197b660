"""The gated feed-forward network: what its formula says, position by position."""

import numpy as np
import pytest
from hypothesis import given

import tolerances
from capstone.errors import UsageError
from capstone.ops import feed_forward_bwd, feed_forward_fwd
from strategies import generators, lengths
from unit.closeness import distance


def draw(rng, T, D, F):
    shapes = ((T, D), (D, F), (D, F), (F, D))
    return tuple(rng.standard_normal(shape) for shape in shapes)


@given(generators, lengths, lengths, lengths)
def test_forward_is_its_formula(rng, T, D, F):
    x, w_gate, w_up, w_down = draw(rng, T, D, F)
    gate = x @ w_gate
    wanted = (gate / (1 + np.exp(-gate)) * (x @ w_up)) @ w_down
    assert distance(feed_forward_fwd(x, w_gate, w_up, w_down)[0], wanted) <= tolerances.TWO_WAYS


@given(generators, lengths, lengths, lengths)
def test_the_gradient_of_an_input_that_is_used_twice_has_both_parts(rng, T, D, F):
    x, w_gate, w_up, w_down = draw(rng, T, D, F)
    dy = rng.standard_normal((T, D))

    def dx_of(keep_gate, keep_up):
        _, saved = feed_forward_fwd(x, w_gate, w_up, w_down)
        gate = saved.gate._replace(weight=w_gate * keep_gate)
        up = saved.up._replace(weight=w_up * keep_up)
        return feed_forward_bwd(dy, saved._replace(gate=gate, up=up))[0]

    assert distance(dx_of(1, 1), dx_of(1, 0) + dx_of(0, 1)) <= tolerances.OTHER_ORDER


@given(generators, lengths, lengths, lengths)
def test_positions_do_not_mix(rng, T, D, F):
    x, *weights = draw(rng, T, D, F)
    y, _ = feed_forward_fwd(x, *weights)
    alone = np.concatenate([feed_forward_fwd(row[None], *weights)[0] for row in x])
    assert distance(alone, y) <= tolerances.TWO_WAYS


def test_a_weight_that_does_not_fit_is_named():
    message = r"^linear_fwd: x has the wrong shape: expected \(\.\.\., 4\), got \(2, 5\)$"
    with pytest.raises(UsageError, match=message):
        feed_forward_fwd(np.ones((2, 5)), np.ones((4, 7)), np.ones((5, 7)), np.ones((7, 5)))


def test_branches_of_different_widths_are_named():
    message = r"^swiglu_fwd: up has the wrong shape: expected \(\.\.\., 7\), got \(2, 6\)$"
    with pytest.raises(UsageError, match=message):
        feed_forward_fwd(np.ones((2, 5)), np.ones((5, 7)), np.ones((5, 6)), np.ones((7, 5)))
