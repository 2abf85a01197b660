"""Designed inputs drawn by Hypothesis: small ones first, with the same properties."""

import re

import numpy as np
import pytest
from hypothesis import find, given, settings

from capstone.errors import UsageError
from capstone.gradcheck import check, design
from capstone.gradcheck.strategies import arrays_for, inputs

SPEC = {"x": "B T D", "gain": "D", "ids": "B T < V", "hidden": "mask: T T"}
QUICK = settings(max_examples=30, deadline=None)


def is_larger(arrays):
    return arrays["x"].size > 4 * 5 * 7


@given(inputs(SPEC))
@QUICK
def test_axes_are_pairwise_different(arrays) -> None:
    assert len(set(arrays["x"].shape)) == 3
    assert arrays["hidden"].shape == arrays["x"].shape[1:2] * 2
    assert arrays["gain"].shape == arrays["x"].shape[2:]


@given(inputs({"x": "D H*K"}, sizes={"D": 15}))
@QUICK
def test_products_differ_from_given_sizes(arrays) -> None:
    assert arrays["x"].shape[0] == 15 != arrays["x"].shape[1]


@given(arrays_for("B 3 5"))
@QUICK
def test_written_sizes_are_not_drawn(array) -> None:
    assert array.shape[0] not in (3, 5)


@given(arrays_for("B T", sizes={"B": 4}))
@QUICK
def test_given_sizes_stay(array) -> None:
    assert array.shape[0] == 4 != array.shape[1]


@given(arrays_for("3 5"))
@QUICK
def test_nothing_has_to_be_drawn_but_the_seed(array) -> None:
    assert array.shape == (3, 5)


@given(arrays_for("B T"))
@QUICK
def test_a_right_gradient_is_right_at_all_of_them(x) -> None:
    assert check(np.sin, x, backward=lambda dy, x: dy * np.cos(x)).ok


def test_the_smallest_example_is_the_first_design() -> None:
    smallest, first = find(inputs(SPEC), lambda arrays: True), design(SPEC)
    assert all(np.array_equal(smallest[name], first[name]) for name in SPEC)


def test_a_failure_shrinks_to_the_next_size() -> None:
    shapes = find(inputs(SPEC), is_larger)["x"].shape
    assert sorted(shapes) in ([3, 5, 11], [5, 7, 11], [3, 7, 11])


def test_sizes_vary() -> None:
    assert find(arrays_for("B"), lambda array: array.size >= 11).shape == (11,)


@pytest.mark.parametrize("make", [lambda: inputs({"x": "B T"}, sizes={"B": 0}), lambda: inputs({})])
def test_misuse_is_refused_before_anything_is_drawn(make) -> None:
    with pytest.raises(UsageError, match=re.escape("design: ")):
        make()


def test_sizes_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(UsageError, match="sizes must map names to sizes"):
        arrays_for("B", sizes=3)
