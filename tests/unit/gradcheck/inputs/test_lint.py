"""Which mistakes inputs hide: one sentence a finding, and none for inputs that hide nothing."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import design, lint

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))
W = RNG.standard_normal((4, 7))
IDS = np.array([0, 6, 6, 2, 2])
TABLE = RNG.standard_normal((7, 4))


def said(*inputs, **options):
    """The findings, without what they mean."""
    return [hint.partition(";")[0] for hint in lint(*inputs, **options)]


def uneven(*shape):
    return RNG.standard_normal(shape) * RNG.uniform(0.5, 2, shape)


# Inputs that hide nothing

QUIET = {
    "random": [X],
    "two random ones": [X, W],
    "a column": [X, RNG.standard_normal((3, 1))],
    "a row": [X, RNG.standard_normal((1, 4))],
    "many": [RNG.standard_normal((64, 100))],
    "square matrices": [X, RNG.standard_normal((4, 4)), RNG.standard_normal((4, 4))],
    "a recurrence": [X, RNG.standard_normal((4, 5)), RNG.standard_normal((5, 5))],
    "single numbers": [X, 1.0, 0.0, np.array([1.0])],
    "nothing": [],
    "empty": [np.empty((0, 3))],
    "one axis": [RNG.standard_normal(4)],
    "ids": [IDS, TABLE],
    "labels": [TABLE, np.array([0, 1, 2, 3, 3, 1, 2])],
    "different labels": [X, np.array([0, 3, 1])],
    "offsets": [TABLE, np.array([0, 2, 5])],
    "a mixed mask": [X, np.array([True, False, True])],
    "ones and zeros": [X, np.array([[0.0, 1.0, 1.0, 0.0]])],
    "a mask to add": [X, np.array([[0.0, -1e9, -1e9, 0.0]])],
    "a triangle": [np.tril(RNG.standard_normal((4, 3)))],
    "positive and random": [np.abs(X), W],
    "NaN": [np.array([[np.nan, np.nan], [1.0, 2.0], [3.0, 4.0]])],
    "huge": [X * [1e300, 1, 1, 1]],
    "lists": [[[1.0, -2.0], [3.0, 4.5], [0.5, 6.0]]],
    "designed": list(design({"x": "B T D", "w": "D F", "b": "F", "ids": "B T < V"}).values()),
}


@pytest.mark.parametrize("name", QUIET)
def test_inputs_that_hide_nothing_get_no_hint(name) -> None:
    assert lint(*QUIET[name]) == []


@pytest.mark.parametrize("seed", range(200))
def test_random_inputs_get_no_hint(seed) -> None:
    rng = np.random.default_rng(seed)
    assert lint(rng.standard_normal((3, 4)), rng.standard_normal((4, 2)), rng.random(9)) == []


KINDS = ["rows", "gain", "weight", "saturated", "shifted", "distinct", "mask", "causal"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_designed_inputs_get_no_hint(kind, seed) -> None:
    assert lint(*design({"x": f"{kind}: B T D", "y": f"{kind}: B T"}, seed=seed).values()) == []


# Arrays by themselves

ALONE = {
    "0 throughout": np.zeros((3, 4)),
    "1 throughout": np.ones(3),
    "one number throughout": np.full((3, 4), -2.5),
    "the identity": np.eye(3),
    "the same along axis 0": np.tile(X[:1], (3, 1)),
    "the same along axis 1": np.tile(X[:, :1], (1, 4)),
    "rows of one norm": X / np.sqrt((X * X).sum(axis=-1, keepdims=True)),
    "all of one sign": np.abs(X),
    "all beyond 20": np.sign(X) * uneven(3, 4) ** 2 * 100 + np.sign(X) * 20.5,
    "all within 0.05": 0.01 * X / np.abs(X).max(),
    "some entries are 0, a kink of relu and abs": np.maximum(X, 0) - np.minimum(X, 0) * (X < -1),
    "equal maxima in a row, a kink of max and sort": np.minimum(X, X.max(axis=1).min() / 2) + 9,
    "axis 0 is 1 long": RNG.standard_normal((1, 4)),
    "axis 1 is 1 long": RNG.standard_normal((3, 1, 2)),
    "axes 0 and 1 are equally long": RNG.standard_normal((5, 5, 3)),
    "axes 0, 1 and 2 are equally long": RNG.standard_normal((2, 2, 2)),
}


@pytest.mark.parametrize("words", ALONE)
def test_an_array_by_itself(words) -> None:
    assert f"input 0: {words}" in said(ALONE[words])


@pytest.mark.parametrize("words", ALONE)
def test_an_array_among_others(words) -> None:
    given = [uneven(2, 3), uneven(3, 5)]
    if words != "all of one sign":
        assert f"b: {words}" in said(*given, ALONE[words], names=["x", "a", "b"])


def test_a_symmetric_matrix() -> None:
    square = RNG.standard_normal((4, 4))
    assert said(X, square + square.T)[0] == "input 1: symmetric"
    assert said(X, square @ square.T)[0] == "input 1: symmetric"


def test_symmetric_matrices_in_a_stack() -> None:
    stack = RNG.standard_normal((2, 4, 4))
    assert "input 1: symmetric" in said(X, stack + stack.swapaxes(1, 2))


def test_the_only_matrix_beside_the_data_should_not_be_square() -> None:
    assert said(X, RNG.standard_normal((4, 4)), RNG.standard_normal(4)) == [
        "input 1: axes 0 and 1 are equally long"
    ]


def test_equal_axes_of_the_data_are_a_finding() -> None:
    assert said(RNG.standard_normal((4, 4)), W) == ["input 0: axes 0 and 1 are equally long"]


def test_a_batch_of_one_is_a_finding_beside_a_square_weight() -> None:
    assert said(X[:1], RNG.standard_normal((4, 4)))[0] == "input 0: axis 0 is 1 long"


def test_a_tied_maximum_alone_is_told() -> None:
    assert said([[1.5, 2.5, 2.5], [-3.0, 1.0, 0.5]]) == [
        "input 0: equal maxima in a row, a kink of max and sort"
    ]


# Arrays beside each other


def test_equal_arrays_share_one_line() -> None:
    assert said(X, X.copy(), W, names=["q", "k", "w"]) == ["q, k: equal"]


def test_constants_are_not_also_called_equal() -> None:
    assert said(X, np.ones(4), np.ones(4)) == ["input 1, input 2: 1 throughout"]


def test_one_sign_is_a_finding_if_all_arrays_have_one() -> None:
    assert said(np.abs(X), -np.abs(W)) == ["input 0, input 1: all of one sign"]
    assert said(np.abs(X), W) == []


def test_a_few_entries_may_have_one_sign_by_chance() -> None:
    assert said([1.0, 2.0, 3.0, 4.5]) == []


# Ids, labels, masks


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([0, 6, 2], ["no id repeats"]),
        ([0, 1, 2, 3, 4, 5, 6], ["no id repeats", "every id occurs"]),
        ([0, 6, 2, -1, -1], ["no id repeats"]),
        ([3, 3, 3], ["one id throughout"]),
        ([1, 6, 6], ["id 0 is absent"]),
        ([0, 0, 5], ["the last id, 6, is absent"]),
        ([0, 0, 1, 2, 3, 4, 5, 6], ["every id occurs"]),
    ],
)
def test_ids_into_a_table(ids, words) -> None:
    assert said(np.array(ids), TABLE) == [f"input 0: {word}" for word in words]


def test_ids_without_a_sign_are_no_offsets() -> None:
    assert said(np.array([6, 2, 0], np.uint8), TABLE) == ["input 0: no id repeats"]


def test_ends_are_left_alone_where_the_table_is_not_known() -> None:
    assert said(np.array([1, 5, 5]), TABLE, RNG.standard_normal((9, 4))) == []


def test_ids_into_an_array_of_one_axis() -> None:
    assert said(np.array([0, 3, 1]), RNG.standard_normal(4)) == ["input 0: no id repeats"]


def test_labels_of_one_class() -> None:
    assert said(X, np.array([2, 2, 2])) == ["input 1: one id throughout"]


@pytest.mark.parametrize(("fill", "words"), [(True, "True"), (False, "False")])
def test_a_mask_of_one_value(fill, words) -> None:
    assert said(X, np.full(3, fill)) == [f"input 1: {words} throughout"]
    assert said(X, options={"hidden": np.full(3, fill)}) == [f"hidden: {words} throughout"]


# Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"p": 0}, "p=0: nothing is dropped"),
        ({"dropout": 0.0}, "dropout=0.0: nothing is dropped"),
        ({"n_heads": 1}, "n_heads=1: mixed-up heads hide"),
        ({"scale": 1.0}, "scale=1.0: no effect"),
        ({"label_smoothing": 0}, "label_smoothing=0: no effect"),
        ({"ignore_index": 5}, "ignore_index=5: nothing is ignored"),
        ({"ignore_index": 3}, "ignore_index=3: all is ignored"),
    ],
)
def test_an_option_without_effect(options, words) -> None:
    labels = np.array([3, 3, 3])
    assert words in said(X, labels, options=options)


@pytest.mark.parametrize(
    "options",
    [
        {"p": 0.3, "n_heads": 2, "scale": 0.5, "offset": 7, "ignore_index": 3},
        {"scale": True, "p": False, "offset": None, "stride": "1", "eps": 1, "mode": "same"},
        {"scale": np.ones(3), "hidden": np.array([True, False])},
    ],
)
def test_other_options_are_no_finding(options) -> None:
    assert said(X, np.array([0, 1, 3]), options=options) == []


# The upstream gradient


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        (np.zeros((3, 4)), "0 throughout"),
        (np.ones((3, 4)), "constant"),
        (np.abs(X), "of one sign"),
        (np.arange(4) == 2, "one-hot"),
        (1.0, "1"),
    ],
)
def test_an_upstream_gradient_that_hides(upstream, words) -> None:
    assert said(X, upstream=upstream) == [f"upstream: {words}"]


@pytest.mark.parametrize("upstream", [X, -1.7, np.empty(0), [0.0, 1.0, -1.0]])
def test_an_upstream_gradient_that_does_not_hide(upstream) -> None:
    assert said(X, upstream=upstream) == []


# Memory


def test_an_array_that_overlaps_itself() -> None:
    windows = np.lib.stride_tricks.sliding_window_view(X.reshape(-1), 3)
    assert said(windows) == ["input 0: shares memory with itself: an entry counts twice"]
    assert said(windows.copy()) == []


def test_strided_views_do_not_overlap() -> None:
    assert said(RNG.standard_normal((6, 8))[::2, ::-2]) == []


# The words


def test_what_hides_most_comes_first() -> None:
    x = np.abs(RNG.standard_normal((1, 4)))
    assert said(x, np.zeros(4), upstream=np.ones(4)) == [
        "upstream: constant",
        "input 1: 0 throughout",
        "input 0: axis 0 is 1 long",
    ]


# Misuse


@pytest.mark.parametrize("names", [["x"], ["x", "x"], "xyz", 3])
def test_names_tell_the_inputs_apart(names) -> None:
    words = f"lint: names must name every input, each differently: expected 2 names, got {names!r}"
    with pytest.raises(UsageError, match=re.escape(words)):
        lint(X, W, names=names)


def test_options_are_a_mapping() -> None:
    words = 'lint: options must map names to values: expected such as {"p": 0.3}, got 3'
    with pytest.raises(UsageError, match=re.escape(words)):
        lint(X, options=3)


@pytest.mark.parametrize(
    ("thing", "got"), [(1j, "dtype complex128"), ("x", "dtype <U1"), ([[1], [1, 2]], "rows of")]
)
def test_inputs_are_numeric_arrays(thing, got) -> None:
    rule = "lint: input 0 must be a numeric array: expected real, integer or boolean entries, got"
    with pytest.raises(UsageError, match=re.escape(f"{rule} {got}")):
        lint(thing)
