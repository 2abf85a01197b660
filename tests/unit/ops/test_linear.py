"""The linear map: einsum says the same, and what does not fit is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.ops import linear_bwd, linear_fwd
from strategies import generators, lengths
from unit.closeness import distance

leads = st.lists(lengths, max_size=3)


@given(generators, leads, lengths, lengths)
def test_forward_equals_einsum(rng, lead, D, F):
    x, weight = rng.standard_normal((*lead, D)), rng.standard_normal((D, F))
    bias = rng.standard_normal(F)
    y, _ = linear_fwd(x, weight, bias)
    wanted = np.einsum("...d,df->...f", x, weight) + bias
    assert distance(y, wanted) <= tolerances.OTHER_ORDER


@given(generators, leads, lengths, lengths)
def test_backward_equals_einsum(rng, lead, D, F):
    x, weight = rng.standard_normal((*lead, D)), rng.standard_normal((D, F))
    dy = rng.standard_normal((*lead, F))
    _, saved = linear_fwd(x, weight, np.zeros(F))
    dx, dweight, dbias = linear_bwd(dy, saved)
    x, dy, dx = x.reshape(-1, D), dy.reshape(-1, F), dx.reshape(-1, D)
    assert distance(dx, np.einsum("nf,df->nd", dy, weight)) <= tolerances.OTHER_ORDER
    assert distance(dweight, np.einsum("nd,nf->df", x, dy)) <= tolerances.OTHER_ORDER
    assert distance(dbias, np.einsum("nf->f", dy)) <= tolerances.OTHER_ORDER


def test_without_a_bias_there_are_two_gradients():
    _, saved = linear_fwd(np.ones((2, 3)), np.ones((3, 4)))
    assert len(linear_bwd(np.ones((2, 4)), saved)) == 2


@given(generators, lengths, lengths)
def test_a_bias_of_zero_changes_nothing(rng, D, F):
    x, weight = rng.standard_normal((2, D)), rng.standard_normal((D, F))
    np.testing.assert_array_equal(linear_fwd(x, weight, np.zeros(F))[0], linear_fwd(x, weight)[0])


def test_a_width_that_does_not_fit_is_named():
    message = r"^linear_fwd: x has the wrong shape: expected \(\.\.\., 5\), got \(2, 4\)$"
    with pytest.raises(UsageError, match=message):
        linear_fwd(np.ones((2, 4)), np.ones((5, 3)))


def test_a_bias_that_does_not_fit_is_named():
    message = r"^linear_fwd: bias has the wrong shape: expected \(\.\.\., 3\), got \(5,\)$"
    with pytest.raises(UsageError, match=message):
        linear_fwd(np.ones((2, 5)), np.ones((5, 3)), np.ones(5))


@pytest.mark.parametrize("name", ["x", "weight"])
def test_integers_are_rejected(name):
    arrays = {"x": np.ones((2, 5)), "weight": np.ones((5, 3))}
    arrays[name] = arrays[name].astype(np.int64)
    message = (
        rf"^linear_fwd: {name} must be a floating-point array: "
        r"expected a float or complex dtype, got int64$"
    )
    with pytest.raises(UsageError, match=message):
        linear_fwd(**arrays)
