"""SGD against its definition."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.optim import SGD
from capstone.optim.runs import BLOCK
from capstone.parameter import Parameter


def test_a_plain_step_goes_down_the_gradient():
    parameter = Parameter(np.array([1.0, 2.0]), np.array([10.0, -20.0]))
    SGD([parameter], lr=0.5).step()
    assert parameter.data.tolist() == [-4.0, 12.0]


def test_momentum_adds_the_earlier_steps():
    parameter = Parameter(np.array([0.0]), np.array([1.0]))
    optimizer = SGD([parameter], lr=1.0, momentum=0.5)
    path = []
    for _ in range(3):
        optimizer.step()
        path.append(float(parameter.data[0]))
    assert path == [-1.0, -2.5, -4.25]  # steps of 1, 1.5 and 1.75


def test_every_block_of_a_long_row_moves():
    parameter = Parameter(np.zeros(2 * BLOCK + 1), np.ones(2 * BLOCK + 1))
    SGD([parameter], lr=1.0).step()
    assert (parameter.data == -1.0).all()


def test_float32_stays_float32():
    parameter = Parameter(np.ones(3, dtype=np.float32), np.ones(3, dtype=np.float32))
    SGD([parameter], lr=np.float64(0.1), momentum=0.9).step()
    assert parameter.data.dtype == np.float32


def test_the_gradient_is_left_alone():
    parameter = Parameter(np.ones(3), np.arange(3.0))
    SGD([parameter], lr=0.1, momentum=0.9).step()
    assert parameter.grad.tolist() == [0.0, 1.0, 2.0]


def test_zero_grad_resets_in_place():
    parameter = Parameter(np.ones(3), np.ones(3))
    grad = parameter.grad
    SGD([parameter]).zero_grad()
    assert parameter.grad is grad
    assert not grad.any()


@pytest.mark.parametrize(("name", "value"), [("lr", -0.1), ("momentum", 1.5), ("momentum", -0.1)])
def test_settings_out_of_range_are_rejected(name, value):
    with pytest.raises(UsageError, match=rf"^SGD: {name} must lie in \[.*, got {value}$"):
        SGD([Parameter(np.ones(3))], **{name: value})


def test_a_rate_set_to_nan_is_rejected_before_anything_moves():
    parameter = Parameter(np.ones(3), np.ones(3))
    optimizer = SGD([parameter])
    optimizer.lr = float("nan")
    with pytest.raises(UsageError, match=r"^SGD.step: lr must lie in .* got nan$"):
        optimizer.step()
    assert (parameter.data == 1.0).all()


@pytest.mark.parametrize("attribute", ["data", "grad"])
def test_a_rebound_array_is_noticed(attribute):
    parameter = Parameter(np.ones(3), name="wq")
    optimizer = SGD([parameter])
    setattr(parameter, attribute, np.ones(3))
    rule = (
        rf"^SGD.step: the {attribute} of 'wq' was bound to another array: expected the array that"
    )
    mend = rf"got another one; write into it \({attribute}\[\.\.\.\] = values\)"
    with pytest.raises(UsageError, match=rf"{rule}.*{mend}"):
        optimizer.step()
