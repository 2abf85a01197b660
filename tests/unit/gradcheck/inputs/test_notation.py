"""What can be asked for in words, and what is refused."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import design
from capstone.gradcheck.inputs.notation import KINDS, PRIMES, choose_sizes, parse


def sizes_of(spec, **fixed):
    return choose_sizes(parse(spec), fixed)


def shapes_of(spec, **sizes):
    return {name: array.shape for name, array in design(spec, sizes=sizes).items()}


def test_axes_of_different_names_get_different_primes_from_3_on() -> None:
    assert sizes_of({"x": "B T D", "w": "D F"}) == {"B": 3, "T": 5, "D": 7, "F": 11}


def test_an_axis_is_as_long_wherever_it_stands() -> None:
    assert shapes_of({"x": "B D", "w": "D F", "b": "F"}) == {"x": (3, 5), "w": (5, 7), "b": (7,)}


def test_an_axis_may_be_a_product_or_a_number_or_none() -> None:
    assert shapes_of({"x": "B H*K", "y": "B 1 2*K", "z": ""}) == {
        "x": (3, 35),
        "y": (3, 1, 14),
        "z": (),
    }


def test_given_sizes_are_kept_and_not_taken_twice() -> None:
    assert sizes_of({"x": "B T D"}, D=3, T=12) == {"D": 3, "T": 12, "B": 5}


def test_a_written_size_is_not_taken_by_a_name() -> None:
    assert shapes_of({"x": "B 3 5"}) == {"x": (7, 3, 5)}


def test_a_product_gets_a_size_of_its_own() -> None:
    shapes = shapes_of({"x": "D H*K"}, D=15)
    assert shapes["x"][0] == 15 != shapes["x"][1]


def test_equal_sizes_are_kept_where_they_are_asked_for() -> None:
    assert shapes_of({"x": "B T"}, B=4, T=4) == {"x": (4, 4)}


def test_sizes_of_numpy_are_sizes() -> None:
    assert shapes_of({"x": "B"}, B=np.int64(4)) == {"x": (4,)}


def test_what_is_a_letter_elsewhere_is_a_name_here() -> None:
    assert sizes_of({"x": "β b²"}) == {"β": 3, "b²": 5}


def test_a_limit_is_a_name_or_a_number_or_a_product() -> None:
    spec = {"a": "T < V", "b": "T<4", "c": "T < 2*V or -100"}
    assert [array.limit for array in parse(spec)] == ["V", "4", "2*V"]
    assert [array.ignored for array in parse(spec)] == [None, None, -100]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_stands_in_front(kind) -> None:
    assert [array.kind for array in parse({"x": f"{kind}: B T"})] == [kind]


@pytest.mark.parametrize(
    ("text", "kind"), [("", "gain"), ("D", "gain"), ("B D", "rows"), ("B D < V", "ids")]
)
def test_a_kind_is_usual_for_a_number_of_axes(text, kind) -> None:
    assert [array.kind for array in parse({"x": text})] == [kind]


EXAMPLES = 'expected such as "B T D", "H*K", "B T < V", "B T < V or -1", "mask: T T"'


@pytest.mark.parametrize(
    ("spec", "sizes", "words"),
    [
        ({}, None, 'spec must name at least one array: expected such as {"x": "B T D"}, got {}'),
        (["B"], None, "spec must name at least one array: expected"),
        ({3: "B"}, None, "arrays must have names: expected text that is not empty, got 3"),
        ({"": "B"}, None, "arrays must have names: expected text that is not empty, got ''"),
        ({"x": 3}, None, f"cannot read the spec of 'x': {EXAMPLES}, got 3"),
        ({"x": "B, T"}, None, f"cannot read the spec of 'x': {EXAMPLES}, got 'B, T'"),
        ({"x": "B < "}, None, "cannot read the spec of 'x'"),
        ({"x": "B < V or x"}, None, "cannot read the spec of 'x'"),
        ({"x": "9" * 5000}, None, "cannot read the spec of 'x'"),
        (
            {"x": "big: B"},
            None,
            f"'x' is of an unknown kind: expected one of {', '.join(KINDS)}, got 'big'",
        ),
        (
            {"x": "rows: B < V"},
            None,
            "'x' is of an unknown kind: expected no kind before whole numbers, got 'rows'",
        ),
        ({"x": "B"}, 3, 'sizes must map names to sizes: expected such as {"B": 3}, got 3'),
        (
            {"x": "B T"},
            {"D": 3},
            "sizes names an axis that does not occur: expected one of B, T, got 'D'",
        ),
        ({"x": "3"}, {"D": 3}, "sizes names an axis that does not occur: expected no sizes"),
        ({"x": "B"}, {"B": 0}, "the size of B must be a positive integer: expected B >= 1, got 0"),
        ({"x": "B"}, {"B": True}, "the size of B must be a positive integer: expected B >= 1"),
        ({"x": "B"}, {"B": 2.0}, "the size of B must be a positive integer: expected B >= 1"),
        ({"x": "B 0"}, None, "an array without entries shows nothing: 'x': expected sizes >= 1"),
        ({"x": "B < 0"}, None, "an array without entries shows nothing: 'x': expected sizes >= 1"),
        (
            {"x": "B 100000000"},
            None,
            "'x' is too large: expected at most 67,108,864 entries or ids, got 300,000,000",
        ),
        ({"x": "B < 999999999999"}, None, "'x' is too large"),
        (
            {"x": " ".join(f"a{i}" for i in range(13))},
            None,
            "too many names without a size: expected at most 12, got 13: a0, a1,",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(spec, sizes, words) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(f"design: {words}")):
        design(spec, sizes=sizes)


def test_the_primes_leave_out_2_and_repeat_nothing() -> None:
    assert PRIMES[0] == 3
    assert len(set(PRIMES)) == len(PRIMES)
