"""The tree of exceptions."""

import inspect

import pytest

from capstone import errors

TREE = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
BUILT_IN = {
    "BackwardOrderError": RuntimeError,
    "ConfigError": ValueError,
    "DataError": ValueError,
    "GradientMismatch": AssertionError,
    "NonFiniteError": ArithmeticError,
    "UnknownCharacterError": ValueError,
    "UsageError": ValueError,
}


@pytest.mark.parametrize("error", TREE)
def test_one_root_catches_everything(error):
    assert issubclass(error, errors.CapstoneError)


@pytest.mark.parametrize(("name", "base"), BUILT_IN.items())
def test_the_exception_that_python_users_would_expect_catches_it_too(name, base):
    assert issubclass(getattr(errors, name), base)


@pytest.mark.parametrize("name", ["ConfigError", "DataError", "UnknownCharacterError"])
def test_misuse_has_one_name(name):
    assert issubclass(getattr(errors, name), errors.UsageError)


def test_an_unknown_character_is_a_matter_of_data():
    assert issubclass(errors.UnknownCharacterError, errors.DataError)


@pytest.mark.parametrize("name", ["CheckpointError", "GradientMismatch", "NonFiniteError"])
def test_what_is_no_misuse_is_no_usage_error(name):
    assert not issubclass(getattr(errors, name), errors.UsageError)


@pytest.mark.parametrize("error", TREE)
def test_the_message_is_kept(error):
    assert str(error("rmsnorm_fwd: a rule: expected 1, got 2")).endswith("expected 1, got 2")
