"""The wording of every input check."""

import re

import numpy as np
import pytest

from capstone import _checks as checks
from capstone.errors import ConfigError, UsageError


def says(message, error=UsageError):
    """Expect `error` with exactly this message."""
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def test_a_failure_names_place_rule_expected_and_got():
    with says("place: a rule: expected 1, got 2"):
        checks.fail("place", "a rule", expected=1, got=2)


def test_a_known_mend_stands_at_the_end():
    with says("place: a rule: expected 1, got 2; use 1"):
        checks.fail("place", "a rule", expected=1, got=2, mend="use 1")


def test_a_failure_can_be_of_any_kind():
    with says("place: a rule: expected 1, got 2", LookupError):
        checks.fail("place", "a rule", expected=1, got=2, error=LookupError)


@pytest.mark.parametrize("size", [0, -3, 1.0, "1", None, True, np.float64(2)])
def test_a_size_must_be_a_positive_integer(size):
    with says(f"place: width must be a positive integer: expected width >= 1, got {size!r}"):
        checks.check_positive("place", depth=1, width=size)


@pytest.mark.parametrize("size", [1, 7, np.int32(3)])
def test_a_positive_size_passes(size):
    checks.check_positive("place", width=size)


def test_a_size_may_fail_with_an_error_of_the_callers_choice():
    message = "place: width must be a positive integer: expected width >= 1, got 0"
    with says(message, ConfigError):
        checks.check_positive("place", ConfigError, width=0)


@pytest.mark.parametrize("number", [-1, 0.0, "0", None, False])
def test_a_number_must_not_be_negative(number):
    with says(f"place: seed must be a non-negative integer: expected seed >= 0, got {number!r}"):
        checks.check_not_negative("place", step=0, seed=number)


@pytest.mark.parametrize("number", [0, 3, np.int64(2)])
def test_a_number_that_is_not_negative_passes(number):
    checks.check_not_negative("place", seed=number)


@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan")])
def test_a_value_must_lie_in_its_range(value):
    with says(f"place: share must lie in [0, 1]: expected 0 <= share <= 1, got {value}"):
        checks.check_in_range("place", "share", value, 0, 1)


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_both_ends_of_a_range_belong_to_it(value):
    checks.check_in_range("place", "share", value, 0, 1)


def test_a_size_must_be_divisible():
    with says("place: D must be divisible by n_heads: expected D % 4 == 0, got D = 10"):
        checks.check_divisible("place", "D", 10, "n_heads", 4)


def test_a_divisible_size_passes():
    checks.check_divisible("place", "D", 12, "n_heads", 4)


def test_a_choice_must_be_known():
    with says("place: unknown color: expected one of red, green, got 'blue'"):
        checks.check_choice("place", "color", "blue", ["red", "green"])


def test_a_choice_may_fail_with_an_error_of_the_callers_choice():
    with says("place: unknown color: expected one of red, got None", ConfigError):
        checks.check_choice("place", "color", None, iter(["red"]), ConfigError)


def test_a_known_choice_passes():
    checks.check_choice("place", "color", "green", iter(["red", "green"]))


@pytest.mark.parametrize(
    ("value", "got"),
    [(np.ones(2, int), "int64"), (np.ones(2, bool), "bool"), ([1.0], "list"), (1.0, "float")],
)
def test_an_array_must_be_of_floating_point_numbers(value, got):
    message = (
        f"place: x must be a floating-point array: expected a float or complex dtype, got {got}"
    )
    with says(message):
        checks.check_inexact("place", gain=np.ones(2), x=value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_real_and_complex_arrays_pass(dtype):
    checks.check_inexact("place", x=np.ones(2, dtype))


@pytest.mark.parametrize("shape", [(4,), (3, 4, 5), (5, 3), ()])
def test_the_last_axes_must_have_their_sizes(shape):
    with says(f"place: k has the wrong shape: expected (..., 3, 4), got {shape}"):
        checks.check_last_axes("place", "k", np.ones(shape), 3, 4)


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), (7, 5, 3, 4)])
def test_leading_axes_are_free(shape):
    checks.check_last_axes("place", "k", np.ones(shape), 3, 4)


@pytest.mark.parametrize(
    ("ids", "got"), [(np.ones(2), "float64"), (np.ones(2, bool), "bool"), ([1, 2], "list")]
)
def test_ids_must_be_an_integer_array(ids, got):
    with says(f"place: ids must be an integer array: expected an integer dtype, got {got}"):
        checks.check_ids("place", "ids", ids, 5)


@pytest.mark.parametrize(("ids", "worst"), [([0, -2, 9], -2), ([0, 5, 9], 9), ([5], 5)])
def test_ids_must_lie_in_their_range(ids, worst):
    with says(f"place: ids out of range: expected 0 <= id < 5, got {worst}"):
        checks.check_ids("place", "ids", np.array(ids), 5)


@pytest.mark.parametrize("ids", [[0, 4], [[1], [2]], np.zeros((2, 0), int)])
def test_ids_in_their_range_pass(ids):
    checks.check_ids("place", "ids", np.array(ids, dtype=np.uint8), 5)
