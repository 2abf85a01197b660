"""Names of callables and of their arguments."""

from functools import partial

import numpy as np

from capstone.gradcheck.subjects.signatures import argument_names, callable_name


def test_arguments_are_called_as_the_signature_has_them() -> None:
    assert argument_names(lambda x, gain, *, eps=1: None, 2) == ["x", "gain"]


def test_arguments_without_a_name_are_numbered() -> None:
    assert argument_names(lambda x, *rest: None, 3) == ["x", "x1", "x2"]


def test_a_function_without_a_name_is_called_by_its_type() -> None:
    assert callable_name(np.sin) == "sin"
    assert callable_name(partial(np.sin)) == "partial"
