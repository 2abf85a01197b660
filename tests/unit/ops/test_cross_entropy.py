"""Cross-entropy: its formula, what is ignored, and gradients that move no mass."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import cross_entropy_bwd, cross_entropy_fwd
from strategies import generators, labelled_rows
from unit.closeness import distance

shares = st.floats(0, 1)
ONE = np.ones(())


def loss_and_gradient(logits, targets, **options):
    loss, saved = cross_entropy_fwd(logits, targets, **options)
    return loss, cross_entropy_bwd(ONE.astype(logits.dtype), saved)[0]


def log_total(row):
    """Log of the sum of the exponentials, exactly summed."""
    peak = max(row)
    return peak + math.log(math.fsum(math.exp(z - peak) for z in row))


@given(labelled_rows())
def test_it_is_the_mean_of_log_total_minus_target(drawn):
    logits, targets = drawn
    rows = [log_total(row) - row[n] for row, n in zip(logits.tolist(), targets, strict=True)]
    loss, _ = cross_entropy_fwd(logits, targets)
    scale = np.abs(logits).max() + 1
    assert abs(loss - math.fsum(rows) / len(rows)) <= tolerances.LOSS * scale


@pytest.mark.parametrize("V", [2, 65])
def test_equal_logits_cost_the_logarithm_of_the_vocabulary(V):
    loss, _ = cross_entropy_fwd(np.full((3, V), 7.0), np.arange(3) % V)
    assert abs(loss - math.log(V)) <= tolerances.LOSS * 10


def test_a_sure_and_right_guess_costs_nothing():
    assert cross_entropy_fwd(np.array([[1e3, 0.0, 0.0]]), np.array([0]))[0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sure_and_wrong_guess_costs_its_margin(dtype):
    loss, grad = loss_and_gradient(np.array([[1e4, -1e4]], dtype), np.array([1]))
    assert loss == 2e4
    assert grad.tolist() == [[1, -1]]


@given(labelled_rows(), shares)
def test_smoothing_mixes_in_the_mean_over_all_targets(drawn, s):
    logits, targets = drawn
    V = logits.shape[-1]
    every = [cross_entropy_fwd(logits, np.full_like(targets, v))[0] for v in range(V)]
    wanted = (1 - s) * cross_entropy_fwd(logits, targets)[0] + s * math.fsum(every) / V
    loss, _ = cross_entropy_fwd(logits, targets, label_smoothing=s)
    assert abs(loss - wanted) <= tolerances.LOSS * (np.abs(logits).max() + 1)


@given(labelled_rows(), st.floats(0, 10))
def test_the_z_loss_adds_the_mean_square_of_log_total(drawn, z):
    logits, targets = drawn
    squares = [log_total(row) ** 2 for row in logits.tolist()]
    plain, _ = cross_entropy_fwd(logits, targets)
    wanted = plain + z * math.fsum(squares) / len(squares)
    loss, _ = cross_entropy_fwd(logits, targets, z_loss=z)
    assert abs(loss - wanted) <= tolerances.LOSS * (1 + wanted)


@given(labelled_rows(), shares)
def test_rows_of_the_gradient_sum_to_zero_without_the_z_loss(drawn, s):
    logits, targets = drawn
    _, grad = loss_and_gradient(logits, targets, label_smoothing=s)
    assert np.abs(grad.sum(axis=-1)).max() <= tolerances.ROW_SUM


@given(labelled_rows(), st.integers(-(10**6), 10**6), shares)
def test_a_shift_of_all_logits_leaves_the_gradient_alone_bit_for_bit(drawn, shift, s):
    logits, targets = drawn
    logits = np.round(logits)  # so that the sums are exact
    _, grad = loss_and_gradient(logits, targets, label_smoothing=s)
    _, shifted = loss_and_gradient(logits + shift, targets, label_smoothing=s)
    np.testing.assert_array_equal(shifted, grad)


@given(labelled_rows(), st.integers(-(10**6), 10**6), shares)
def test_a_shift_of_all_logits_leaves_the_loss_alone(drawn, shift, s):
    logits, targets = drawn
    logits = np.round(logits)
    loss, _ = cross_entropy_fwd(logits, targets, label_smoothing=s)
    shifted, _ = cross_entropy_fwd(logits + shift, targets, label_smoothing=s)
    assert abs(shifted - loss) <= tolerances.LOSS * (abs(shift) + 100)


@given(labelled_rows(), generators, shares, st.floats(0, 1))
def test_ignoring_rows_equals_leaving_them_out(drawn, rng, s, z):
    logits, targets = drawn
    options = {"label_smoothing": s, "z_loss": z}
    other = rng.standard_normal((2, logits.shape[-1]))
    wanted, wanted_grad = loss_and_gradient(logits, targets, **options)
    loss, grad = loss_and_gradient(
        np.concatenate([other[:1], logits, other[1:]]),
        np.concatenate([[-100], targets, [-100]]),
        ignore_index=-100,
        **options,
    )
    assert abs(loss - wanted) <= tolerances.LOSS * (1 + abs(wanted))
    assert distance(grad[1:-1], wanted_grad) <= tolerances.OTHER_ORDER
    assert not grad[[0, -1]].any()


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "z_loss": 0.01}])
def test_ignored_rows_may_hold_anything(garbage, options):
    logits = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0], [0.2, 0.1, 0.0]])
    targets = np.array([2, -1, 0])
    wanted, wanted_grad = loss_and_gradient(logits, targets, ignore_index=-1, **options)
    logits[1] = garbage
    loss, grad = loss_and_gradient(logits, targets, ignore_index=-1, **options)
    assert loss == wanted
    np.testing.assert_array_equal(grad, wanted_grad)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "z_loss": 0.01}])
def test_no_valid_target_costs_nothing_and_teaches_nothing(options):
    logits = np.array([[1.0, -2.0, 0.5]])
    loss, grad = loss_and_gradient(logits, np.array([-1]), ignore_index=-1, **options)
    assert loss == 0
    assert grad.tolist() == [[0, 0, 0]]


def test_a_valid_id_can_be_the_one_to_ignore():
    logits = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]])
    loss, grad = loss_and_gradient(logits, np.array([0, 1]), ignore_index=0)
    assert loss == cross_entropy_fwd(logits[1:], np.array([1]))[0]
    assert not grad[0].any()


@given(generators, st.integers(1, 4))
def test_extra_leading_axes_of_the_logits_are_kept(rng, P):
    logits, targets = rng.standard_normal((P, 2, 3, 5)), rng.integers(0, 5, (2, 3))
    losses, _ = cross_entropy_fwd(logits, targets)
    assert losses.shape == (P,)
    wanted = [cross_entropy_fwd(one, targets)[0] for one in logits]
    assert distance(losses, wanted) <= tolerances.OTHER_ORDER


@given(labelled_rows(), st.integers(-3, 3))
def test_the_upstream_gradient_is_a_factor(drawn, exponent):
    logits, targets = drawn
    _, saved = cross_entropy_fwd(logits, targets)
    (grad,) = cross_entropy_bwd(ONE, saved)
    (scaled,) = cross_entropy_bwd(ONE * 2.0**exponent, saved)
    np.testing.assert_array_equal(scaled, grad * 2.0**exponent)


LOGITS = np.zeros((2, 5))


@pytest.mark.parametrize("target", [-1, 5])
def test_a_target_out_of_range_is_named(target):
    message = rf"^cross_entropy_fwd: targets out of range: expected 0 <= id < 5, got {target}$"
    with pytest.raises(UsageError, match=message):
        cross_entropy_fwd(LOGITS, np.array([0, target]))


def test_targets_that_are_no_integers_are_rejected():
    message = r"^cross_entropy_fwd: targets must be an integer array: .*, got float64$"
    with pytest.raises(UsageError, match=message):
        cross_entropy_fwd(LOGITS, np.zeros(2))


def test_targets_of_another_shape_are_named():
    message = (
        r"^cross_entropy_fwd: targets must have the shape of logits without the last axis: "
        r"expected \(2,\), got \(3,\)$"
    )
    with pytest.raises(UsageError, match=message):
        cross_entropy_fwd(LOGITS, np.zeros(3, int))


def test_logits_of_integers_are_rejected():
    message = r"^cross_entropy_fwd: logits must be a floating-point array: .*, got int64$"
    with pytest.raises(UsageError, match=message):
        cross_entropy_fwd(LOGITS.astype(np.int64), np.zeros(2, int))


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_smoothing_that_is_no_share_is_named(share):
    message = (
        r"^cross_entropy_fwd: label_smoothing must lie in \[0, 1\]: "
        rf"expected 0 <= label_smoothing <= 1, got {share}$"
    )
    with pytest.raises(UsageError, match=message):
        cross_entropy_fwd(LOGITS, np.zeros(2, int), label_smoothing=share)


def test_a_negative_z_loss_is_named():
    message = (
        r"^cross_entropy_fwd: z_loss must lie in \[0, inf\]: expected 0 <= z_loss <= inf, got -1$"
    )
    with pytest.raises(UsageError, match=message):
        cross_entropy_fwd(LOGITS, np.zeros(2, int), z_loss=-1)
