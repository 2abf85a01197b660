"""Which layers a layer holds, and what they are given."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from capstone.gradcheck.localize.spies import parts_of, watched
from capstone.gradcheck.subjects.names import Names
from unit.gradcheck.localize.chains import Chain, Sine
from unit.gradcheck.samples import Affine, draw


def paths(layer, names=None):
    return [part.path for part in parts_of(layer, names or Names())]


def test_parts_are_found_in_attributes_lists_and_dictionaries_at_any_depth() -> None:
    whole = SimpleNamespace(
        a=Chain(Sine(), Chain(Sine())),
        b={"left": Sine(), "more": [(Sine(), 3)]},
        other=[1, "words", None, Sine],
    )
    assert paths(whole) == [
        "a",
        "a.layers.0",
        "a.layers.1",
        "a.layers.1.layers.0",
        "b.left",
        "b.more.0.0",
    ]


def test_a_part_knows_what_is_inside() -> None:
    inner = Sine()
    whole = Chain(Chain(inner), Sine())
    first, _, last = parts_of(whole, Names())
    assert first.inside == {id(inner)}
    assert last.inside == set()


def test_a_part_in_two_places_counts_once() -> None:
    shared = Sine()
    assert paths(Chain(shared, Chain(shared))) == ["layers.0", "layers.1"]


def test_parents_and_circles_end_the_walk() -> None:
    whole, part = Chain(), Sine()
    part.parent, part.me = whole, part
    whole.layers = [part]
    whole.circle = [whole.layers]
    whole.circle.append(whole.circle)
    assert paths(whole) == ["layers.0"]


def test_other_names_of_the_passes() -> None:
    class Course:
        def fprop(self, x):
            return x

        def bprop(self, dy):
            return dy

    whole = SimpleNamespace(a=Course(), b=Sine())
    assert paths(whole, Names("fprop", "bprop")) == ["a"]


def test_calls_are_recorded_from_the_last_one_back() -> None:
    shared, last = Sine(), Sine()
    whole = Chain(shared, shared, last)
    x, dy = draw(3), draw(3, seed=1)
    with watched(parts_of(whole, Names()), Names()) as record:
        whole.forward(x)
        whole.backward(dy)
    assert [call.name for call in record.backwards] == ["layers.2", "layers.0 #2", "layers.0"]
    np.testing.assert_array_equal(record.backwards[0].upstream, dy)
    np.testing.assert_array_equal(record.backwards[1].inputs[0], np.sin(x))


def test_parts_are_themselves_again_afterwards() -> None:
    whole = Chain(Sine(), Affine())
    with watched(parts_of(whole, Names()), Names()):
        assert type(whole.layers[0]) is not Sine
    assert [type(layer) for layer in whole.layers] == [Sine, Affine]


def test_frozen_layers_can_be_watched() -> None:
    @dataclass(frozen=True)
    class Frozen:
        factor: float

        def forward(self, x):
            return x * self.factor

        def backward(self, dy):
            return dy * self.factor

    whole = Chain(Frozen(2.0))
    with watched(parts_of(whole, Names()), Names()) as record:
        whole.backward(whole.forward(draw(3)))
    assert [call.name for call in record.backwards] == ["layers.0"]
    assert type(whole.layers[0]) is Frozen


def test_layers_with_slots_can_be_watched() -> None:
    class Slim(Sine):
        __slots__ = ("x",)

    whole = Chain(Slim())
    with watched(parts_of(whole, Names()), Names()) as record:
        whole.backward(whole.forward(draw(3)))
    assert [call.name for call in record.backwards] == ["layers.0"]
