"""The parts of a layer under other names."""

import re
from types import SimpleNamespace

import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Names
from capstone.gradcheck.subjects.names import slots_of


def parameter(value: float, name: str = "") -> SimpleNamespace:
    return SimpleNamespace(data=value, grad=0.0, name=name)


@pytest.mark.parametrize("options", [{"forward": ""}, {"data": 3}, {"parameters": ("w", None)}])
def test_names_are_text(options) -> None:
    words = "check: Names must be names: expected text that is not empty, got"
    with pytest.raises(UsageError, match=re.escape(words)):
        Names(**options)


def test_a_parameter_that_is_listed_twice_counts_once_under_its_first_name() -> None:
    w, b = parameter(1.0, "w"), parameter(2.0, "b")
    layer = SimpleNamespace(named_parameters=lambda: [("first", w), ("b", b), ("second", w)])
    assert [slot.name for slot in slots_of(layer, Names())] == ["first", "b"]


def test_a_parameter_without_a_name_is_numbered() -> None:
    layer = SimpleNamespace(parameters=[parameter(1.0, "w"), parameter(2.0)])
    assert [slot.name for slot in slots_of(layer, Names())] == ["w", "parameter1"]


def test_a_slot_reads_and_writes_data_and_gradient() -> None:
    w = parameter(1.0, "w")
    (slot,) = slots_of(SimpleNamespace(parameters=[w]), Names())
    slot.data.write(slot.data.read() + 1)
    slot.grad.write(5.0)
    assert (w.data, w.grad) == (2.0, 5.0)


def test_a_layer_without_parameters_has_no_slots() -> None:
    assert slots_of(SimpleNamespace(), Names()) == []
