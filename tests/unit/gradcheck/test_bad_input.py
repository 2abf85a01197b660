"""Whatever is handed over: a sentence in the report or a `UsageError`, and no traceback."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from unit.gradcheck.odd_things import (
    Guarded,
    Physical,
    Scale,
    Unconvertible,
    UntellableError,
    failing,
    later,
    masked,
    recursive,
    spoiled,
)
from unit.gradcheck.samples import draw, sin_bwd, sin_fwd

X = draw(3, 4)
SIN = Op(sin_fwd, sin_bwd, "sin")


def with_output(y: Any) -> Op:
    return Op(lambda x: (y, x), sin_bwd, "sin")


def memory_mapped(path: Any) -> Any:
    array = np.memmap(path, dtype=float, mode="w+", shape=X.shape)
    array[...] = X
    return array


ONE_ARRAY = "check: forward of sin must return one floating-point array: expected an array, got "
NUMERIC = "check: x must be a numeric array: expected "
PARAMETERS = "check: Spoiled must list its parameters: expected objects with data and grad that "
FLOAT64 = "check: forward of then must run in float64, where differences are taken: expected an "

OUTPUTS = {
    "text": ("abc", "str of <U3"),
    "dictionary": ({"y": X}, "dict"),
    "three arrays": ((X, X, X), "tuple of float64"),
    "objects": (X.astype(object), "ndarray"),
    "whole numbers": (X.astype(int), "ndarray of int64"),
    "booleans": (X > 0, "ndarray of bool"),
    "dates": (np.zeros(3, "M8[s]"), "ndarray of datetime64[s]"),
    "records": (np.zeros(3, [("a", float)]), "ndarray of [('a', '<f8')]"),
    "generator": ((row for row in X), "generator"),
    "masked entries": (masked(X), "masked entries"),
    "no array": (Unconvertible(), "Unconvertible"),
    "guarded": (Guarded(), "Guarded"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_is_no_array_is_refused(name: str) -> None:
    y, words = OUTPUTS[name]
    with pytest.raises(UsageError, match=f"^{re.escape(ONE_ARRAY + words)}$"):
        check(with_output(y), X)


INPUTS = {
    "objects": (X.astype(object), "real, integer or boolean entries, got dtype object"),
    "texts": (np.array(["a"]), "real, integer or boolean entries, got dtype <U1"),
    "dates": (np.zeros(3, "M8[s]"), "real, integer or boolean entries, got dtype datetime64[s]"),
    "records": (np.zeros(3, [("a", float)]), "real, integer or boolean entries, got dtype [('a'"),
    "None": (None, "real, integer or boolean entries, got dtype object"),
    "dictionary": ({}, "real, integer or boolean entries, got dtype object"),
    "function": (np.sin, "real, integer or boolean entries, got dtype object"),
    "too large an integer": (10**40, "real, integer or boolean entries, got dtype object"),
    "masked entries": (masked(X), "entries that all count, got a masked array with masked entries"),
    "no array": (Unconvertible(), "real, integer or boolean entries, got type Unconvertible"),
    "guarded": (Guarded(), "real, integer or boolean entries, got dtype object"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_that_is_no_numeric_array_is_refused(name: str) -> None:
    value, words = INPUTS[name]
    with pytest.raises(UsageError, match=f"^{re.escape(NUMERIC + words)}"):
        check(SIN, value)


ALIKE = {
    "read-only": np.broadcast_to(X, X.shape),
    "other byte order": X.astype(">f8"),
    "float32 in other byte order": X.astype(">f4"),
    "float16": X.astype(np.float16),
    "float64 of the machine's own width": X.astype(np.longdouble),
    "backwards": X[::-1, ::-2],
    "in Fortran's order": np.asfortranarray(X),
    "one row thrice": np.broadcast_to(X[:1], (3, 4)),
    "overlapping": np.lib.stride_tricks.as_strided(X, (3, 3), (8, 8)),
    "nested lists": X.tolist(),
    "number": 0.7,
    "array of no axes": np.array(0.7),
}


@pytest.mark.parametrize("name", ALIKE)
def test_numbers_pass_in_whatever_memory_they_lie(name: str) -> None:
    check(SIN, ALIKE[name]).raise_if_wrong()


def test_numbers_pass_in_a_file(tmp_path: Any) -> None:
    report = check(SIN, memory_mapped(tmp_path / "x"))
    report.raise_if_wrong()
    assert report.warnings == []


@pytest.mark.parametrize("subject", [SIN, spoiled()], ids=["op", "layer"])
@pytest.mark.parametrize("value", [X.view(Physical), np.ma.masked_array(X)], ids=["own", "masked"])
def test_an_array_of_a_type_of_its_own_is_a_warning(subject: Any, value: Any) -> None:
    report = check(subject, value)
    report.raise_if_wrong()
    assert report.warnings == [f"x is of type {type(value).__name__}: checked as a plain array"]


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no inputs": ((SIN,), {}, "check: something must be differentiable: expected a floating-point"),
    "no inputs for a layer": ((spoiled(parameters=list),), {}, "check: something must be"),
    "None": ((None, X), {}, "check: the subject must have a backward pass: expected an Op"),
    "module": ((np, X), {}, "check: the subject must have a backward pass: expected an Op"),
    "passes that are none": ((Op(None, None), X), {}, "check: forward of NoneType must run on"),
    "options that are none": ((Op(sin_fwd, sin_bwd, options={"k": 1}), X), {}, "check: forward of"),
    "backward that is none": (
        (np.sin, X),
        {"backward": 3},
        "check: backward must be a function: expected backward(dy, *inputs) -> grads, got 3",
    ),
    "second backward": (
        (Scale(), X),
        {"backward": sin_bwd},
        "check: Scale has a backward pass of its own: expected no backward=, got sin_bwd",
    ),
    "boolean for wrt": ((SIN, X), {"wrt": False}, "check: wrt must name differentiable arguments"),
    "upstream that is none": ((SIN, X), {"upstream": Unconvertible()}, "check: upstream must be"),
    "missing keyword": (
        (lambda x, *, k: x, X),
        {"backward": sin_bwd},
        "check: forward of <lambda> must run on the given inputs: expected an output, got TypeErr",
    ),
    "recursion": ((Op(recursive, sin_bwd), X), {}, "check: forward of recursive must run on the"),
    "error without words": (
        (Op(failing(UntellableError()), sin_bwd), X),
        {},
        "check: forward of fail must run on the given inputs: expected an output, got Untellable",
    ),
    "forward that cannot be looked at": (
        (spoiled(forward=property(failing(ZeroDivisionError()))), X),
        {},
        "check: the subject must have a backward pass: expected an Op",
    ),
    "parameters that cannot be looked at": (
        (spoiled(parameters=property(failing(AttributeError("w")))), X),
        {},
        f"{PARAMETERS}can be set, got AttributeError: w",
    ),
    "parameters that are none": (
        (spoiled(parameters=lambda self: None), X),
        {},
        f"{PARAMETERS}can be set, got TypeError: 'NoneType' object is not iterable",
    ),
    "parameters without a gradient": (
        (spoiled(parameters=lambda self: [SimpleNamespace(data=X)]), X),
        {},
        f"{PARAMETERS}can be set, got AttributeError",
    ),
    "parameters without data": (
        (spoiled(parameters=lambda self: [SimpleNamespace(grad=X)]), X),
        {},
        f"{PARAMETERS}can be set, got AttributeError",
    ),
    "named parameters without names": (
        (spoiled(named_parameters=lambda self: [self.w]), X),
        {},
        f"{PARAMETERS}can be set, got TypeError",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_misuse_is_refused_in_one_line(name: str) -> None:
    arguments, options, words = REFUSED[name]
    with pytest.raises(UsageError, match=f"^{re.escape(words)}") as caught:
        check(*arguments, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_long_message_of_a_subject_is_cut() -> None:
    with pytest.raises(UsageError) as caught:
        check(Op(failing(ValueError("much\n" * 1000)), sin_bwd), X)
    assert str(caught.value).endswith(" ...")
    assert len(str(caught.value)) < 400


LATER_OUTPUTS = {
    "text": ("abc", "dtype <U3 in a later pass"),
    "complex": (X * 1j, "dtype complex128 in a later pass"),
    "objects": (X.astype(object), "dtype object in a later pass"),
    "records": (np.zeros(3, [("a", float)]), "dtype [('a', '<f8')] in a later pass"),
    "dictionary": ({}, "dtype object in a later pass"),
    "another shape": (X[0], "the output has shape (4,) in a later pass, expected (3, 4)"),
    "no array": (Unconvertible(), "RuntimeError: no array"),
}


@pytest.mark.parametrize("name", LATER_OUTPUTS)
def test_a_forward_that_misbehaves_later_is_refused(name: str) -> None:
    y, words = LATER_OUTPUTS[name]
    forward = later(sin_fwd, lambda x: (y, x))
    with pytest.raises(UsageError, match=re.escape(words)):
        check(Op(forward, sin_bwd), X)
