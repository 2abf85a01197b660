"""The training loss and perplexity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.loss import compute_perplexity, cross_entropy_loss
from capstone.ops import cross_entropy_bwd, cross_entropy_fwd
from strategies import labelled_rows

OPTIONS = {"ignore_index": -1, "label_smoothing": 0.1, "z_loss": 0.05}


@given(labelled_rows())
def test_loss_and_gradient_are_those_of_the_op(drawn):
    logits, targets = drawn
    loss, grad = cross_entropy_loss(logits, targets)
    wanted, saved = cross_entropy_fwd(logits, targets)
    assert loss == wanted
    np.testing.assert_array_equal(grad, cross_entropy_bwd(np.ones(()), saved)[0])


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_reaches_the_op(option):
    logits, targets = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]]), np.array([2, -1])
    options = {"ignore_index": -1, option: OPTIONS[option]}
    loss, _ = cross_entropy_loss(logits, targets, **options)
    assert loss == cross_entropy_fwd(logits, targets, **options)[0]
    if option != "ignore_index":
        assert loss != cross_entropy_loss(logits, targets, ignore_index=-1)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_is_a_float_and_the_gradient_is_like_the_logits(dtype):
    logits = np.zeros((2, 3, 5), dtype)
    loss, grad = cross_entropy_loss(logits, np.zeros((2, 3), int))
    assert type(loss) is float
    assert (grad.shape, grad.dtype) == (logits.shape, logits.dtype)


def test_the_logits_are_left_alone():
    logits = np.array([[1.0, 2.0]])
    cross_entropy_loss(logits, np.array([0]), label_smoothing=0.1, z_loss=0.1)
    assert logits.tolist() == [[1.0, 2.0]]


def test_a_target_out_of_range_is_named():
    message = r"^cross_entropy_fwd: targets out of range: expected 0 <= id < 5, got 5$"
    with pytest.raises(UsageError, match=message):
        cross_entropy_loss(np.zeros((1, 5)), np.array([5]))


@given(st.integers(1, 10**6))
def test_a_uniform_guess_hesitates_between_all_tokens(V):
    assert abs(compute_perplexity(math.log(V)) / V - 1) <= tolerances.LOSS


@pytest.mark.parametrize(("loss", "wanted"), [(0.0, 1.0), (1e4, math.inf), (math.inf, math.inf)])
def test_perplexity_at_its_ends(loss, wanted):
    assert compute_perplexity(loss) == wanted


def test_the_perplexity_of_nan_is_nan():
    assert math.isnan(compute_perplexity(math.nan))
