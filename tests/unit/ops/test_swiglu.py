"""SwiGLU: a gate that opens and shuts a linear branch."""

import numpy as np
import pytest
from hypothesis import given

from capstone.errors import UsageError
from capstone.ops import silu_fwd, swiglu_bwd, swiglu_fwd
from strategies import generators, rows, whole_rows


@given(rows(1e3))
def test_an_upper_branch_of_one_leaves_the_gate(gate):
    np.testing.assert_array_equal(swiglu_fwd(gate, np.ones_like(gate))[0], silu_fwd(gate)[0])


@given(whole_rows(1000), generators)
def test_the_upper_branch_scales_the_output(gate, rng):
    up = rng.standard_normal(gate.shape)
    np.testing.assert_array_equal(swiglu_fwd(gate, 2 * up)[0], 2 * swiglu_fwd(gate, up)[0])


@given(rows(1e3), generators)
def test_the_gradient_of_the_upper_branch_is_the_open_gate(gate, rng):
    dy, up = rng.standard_normal((2, *gate.shape))
    _, dup = swiglu_bwd(dy, swiglu_fwd(gate, up)[1])
    np.testing.assert_array_equal(dup, dy * silu_fwd(gate)[0])


def test_a_shut_gate_passes_nothing_in_either_direction():
    gate, up = np.full((1, 2), -1e4), np.ones((1, 2))
    y, saved = swiglu_fwd(gate, up)
    dgate, dup = swiglu_bwd(np.ones((1, 2)), saved)
    assert not y.any()
    assert not dgate.any()
    assert not dup.any()


def test_branches_of_different_widths_are_named():
    message = r"^swiglu_fwd: up has the wrong shape: expected \(\.\.\., 5\), got \(2, 4\)$"
    with pytest.raises(UsageError, match=message):
        swiglu_fwd(np.ones((2, 5)), np.ones((2, 4)))


@pytest.mark.parametrize("name", ["gate", "up"])
def test_integers_are_rejected(name):
    arrays = {"gate": np.ones((2, 5)), "up": np.ones((2, 5))}
    arrays[name] = arrays[name].astype(np.int64)
    message = rf"^swiglu_fwd: {name} must be a floating-point array: .*, got int64$"
    with pytest.raises(UsageError, match=message):
        swiglu_fwd(**arrays)
