"""Arrays that live on a device, by an array class that behaves as CuPy's does."""

import re
import sys
from types import ModuleType

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.gradcheck.subjects.libraries import DuckLibrary, is_duck
from unit.gradcheck.samples import draw, rules


class DeviceArray:
    """Arithmetic among its own kind and with numbers only, and no way to NumPy but `get`."""

    __array_priority__ = 1000

    def __init__(self, held) -> None:
        self.held = held
        self.shape, self.dtype, self.ndim = held.shape, held.dtype, held.ndim

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def get(self):
        return self.held.copy()

    def _of(self, other):
        assert not isinstance(other, np.ndarray), "a host array on the device"
        return other.held if isinstance(other, DeviceArray) else other

    def __mul__(self, other):
        return DeviceArray(np.asarray(self.held * self._of(other)))

    def __add__(self, other):
        return DeviceArray(np.asarray(self.held + self._of(other)))

    def __imul__(self, other):
        self.held *= self._of(other)
        return self


@pytest.fixture
def device(monkeypatch):
    """The module from which the arrays come."""
    module = ModuleType("fakecupy")
    module.asarray = lambda array: DeviceArray(np.asarray(array))
    monkeypatch.setitem(sys.modules, "fakecupy", module)
    monkeypatch.setattr(DeviceArray, "__module__", "fakecupy.core")
    return module.asarray


def square_fwd(x, w):
    return x * x * w, (x, w)


def square_bwd(dy, saved):
    x, w = saved
    return dy * w * x * 2.0, dy * x * x


def test_a_pair_of_functions_on_a_device_passes(device) -> None:
    x, w = device(draw(3, 4)), device(draw(3, 4, seed=1))
    check(Op(square_fwd, square_bwd), x, w).raise_if_wrong()


def test_a_wrong_gradient_on_a_device_is_found(device) -> None:
    bad = Op(square_fwd, lambda dy, s: (dy * s[1] * s[0], dy * s[0] * s[0]))
    assert check(bad, device(draw(3, 4)), device(draw(3, 4, seed=1))).wrong_arguments == ["x"]


def test_writing_to_an_input_on_a_device_is_found(device) -> None:
    def forward(x):
        before = x * 1.0
        x *= 2.0
        return x, before

    assert rules(check(Op(forward, lambda dy, s: dy * 2.0), device(draw(3)))) == {"frozen"}


def test_writing_to_the_upstream_gradient_on_a_device_is_found(device) -> None:
    def backward(dy, saved):
        dy *= 2.0
        return dy * 1.0

    assert rules(check(Op(lambda x: (x * 2.0, None), backward), device(draw(3)))) == {"frozen"}


class Scale:
    """A layer whose parameter lives on the device."""

    def __init__(self, asarray) -> None:
        self.data, self.grad = asarray(draw(3, 4, seed=1)), asarray(np.zeros((3, 4)))

    def parameters(self):
        return [self]

    def forward(self, x):
        self.x = x
        return x * self.data

    def backward(self, dy):
        self.grad = self.grad + dy * self.x
        return dy * self.data


def test_a_layer_on_a_device_passes(device) -> None:
    report = check(Scale(device), device(draw(3, 4)))
    report.raise_if_wrong()
    assert len(report.arguments) == 2


def test_an_array_comes_back_as_it_was(device) -> None:
    array = device(draw(3))
    library = DuckLibrary(array)
    there = library.place(library.host(array), library.spot(array))
    assert isinstance(there, DeviceArray)
    assert np.array_equal(there.get(), draw(3))
    assert library.spot(3) is None
    assert library.host(3) == 3


def test_an_array_without_a_way_back_is_refused() -> None:
    class Stranded:
        __cuda_array_interface__ = None

    words = (
        "check: arrays of type Stranded must be convertible: expected get() and a module with "
        "asarray, got neither or one of them"
    )
    with pytest.raises(UsageError, match=re.escape(words)):
        check(Op(square_fwd, square_bwd), Stranded(), draw(3))


@pytest.mark.parametrize("thing", [draw(3), 3.0, {"get": 1}, [1.0], np.float64(1), dict])
def test_other_things_are_no_device_arrays(thing) -> None:
    assert not is_duck(thing)
