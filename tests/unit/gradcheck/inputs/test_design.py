"""The properties that designed inputs promise, at many seeds."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check, design
from capstone.ops import rmsnorm_bwd, rmsnorm_fwd

SEEDS = range(20)


def drawn(text, **sizes):
    """The array of a specification, once for every seed."""
    return [design({"x": text}, seed=seed, sizes=sizes)["x"] for seed in SEEDS]


def test_the_same_seed_gives_the_same_arrays_and_another_one_others() -> None:
    spec = {"x": "B T D", "gain": "D", "ids": "B T < V", "hidden": "mask: T T"}
    one, same, other = (design(spec, seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], same[name]) for name in spec)
    assert not any(np.array_equal(one[name], other[name]) for name in spec)


def test_another_array_leaves_the_first_ones_unchanged() -> None:
    one = design({"x": "B T D"})
    two = design({"x": "B T D", "w": "D F"})
    assert np.array_equal(one["x"], two["x"])


def test_arrays_of_one_shape_differ() -> None:
    arrays = design({"q": "H T K", "k": "H T K"})
    assert not np.isin(arrays["q"], arrays["k"]).any()


def test_heads_differ() -> None:
    heads = design({"q": "weight: H T K"})["q"]
    assert len(np.unique(heads)) == heads.size


@pytest.mark.parametrize("seed", [-1, True, 1.0, "0"])
def test_a_seed_is_a_non_negative_integer(seed) -> None:
    words = f"design: seed must be a non-negative integer: expected seed >= 0, got {seed!r}"
    with pytest.raises(UsageError, match=re.escape(words)):
        design({"x": "B"}, seed=seed)


@pytest.mark.parametrize("text", ["", "D", "rows: B T", "T < V", "mask: T T", "causal: T T"])
def test_every_kind_is_an_array_of_its_dtype(text) -> None:
    array = design({"x": text})["x"]
    dtype = bool if ":" in text and "rows" not in text else np.int64 if "<" in text else float
    assert isinstance(array, np.ndarray)
    assert array.dtype == dtype


def test_an_op_is_checked_on_its_arrays() -> None:
    arrays = design({"x": "B T D", "gain": "D"})
    check(Op(rmsnorm_fwd, rmsnorm_bwd), *arrays.values()).raise_if_wrong()
