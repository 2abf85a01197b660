"""Whatever a subject does: a sentence in the report, and a right one passes all the same."""

import functools
import threading
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from unit.gradcheck.odd_things import (
    Guarded,
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
GENERATOR = np.random.default_rng(0)

FOUND: dict[str, tuple[Any, str, str]] = {
    "nothing": (Op(lambda x: None, sin_bwd), "contract", "must return a pair (y, saved), got None"),
    "three things": (Op(lambda x: (x, x, x), sin_bwd), "contract", "got a tuple of 3"),
    "infinite output": (Op(lambda x: (x * np.inf, x), sin_bwd), "finite", "the output is"),
    "no gradients": (Op(sin_fwd, lambda dy, x: ()), "contract", "expected 1, got 0"),
    "list of lists": (Op(sin_fwd, lambda dy, x: dy.tolist()), "contract", "expected 1, got 3"),
    "one number": (Op(sin_fwd, lambda dy, x: 1.0), "contract", "has shape (), expected (3, 4)"),
    "objects": (Op(sin_fwd, lambda dy, x: dy.astype(object)), "contract", "None or no array"),
    "complex": (Op(sin_fwd, lambda dy, x: dy * 1j), "contract", "has dtype complex128, expected"),
    "integers": (
        Op(sin_fwd, lambda dy, x: dy.astype(int)),
        "contract",
        "has dtype int64, expected",
    ),
    "text": (Op(sin_fwd, lambda dy, x: "abc"), "contract", "has shape (), expected (3, 4)"),
    "function": (Op(sin_fwd, lambda dy, x: np.sin), "contract", "None or no array"),
    "masked entries": (Op(sin_fwd, lambda dy, x: masked(dy)), "contract", "with masked entries"),
    "no array": (Op(sin_fwd, lambda dy, x: Unconvertible()), "raises", "RuntimeError: no array"),
    "guarded": (Op(sin_fwd, lambda dy, x: Guarded()), "contract", "None or no array"),
    "recursion": (Op(sin_fwd, recursive), "raises", "RecursionError"),
    "no words": (Op(sin_fwd, failing(UntellableError())), "raises", "cannot be put in words"),
    "None later": (
        Op(sin_fwd, later(sin_bwd, lambda dy, x: None)),
        "contract",
        "dtype object in a",
    ),
    "text later": (Op(sin_fwd, later(sin_bwd, lambda dy, x: "abc")), "contract", "dtype <U3 in a"),
    "failure later": (Op(sin_fwd, later(sin_bwd, failing(KeyError()))), "repeat", "KeyError"),
    "two gradients later": (
        Op(sin_fwd, later(sin_bwd, lambda dy, x: (dy, dy))),
        "contract",
        "expected 1, got 2",
    ),
    "a gradient that is deleted": (
        spoiled(backward=lambda self, dy: (delattr(self.w, "grad"), dy)[1]),
        "contract",
        "backward leaves no gradient for w",
    ),
    "a gradient that becomes None": (
        spoiled(backward=lambda self, dy: (setattr(self.w, "grad", None), dy)[1]),
        "contract",
        "d(w) is None or no array, expected shape (4,)",
    ),
    "a layer that trains itself": (
        spoiled(backward=lambda self, dy: (np.negative(self.w.data, out=self.w.data), dy)[1]),
        "frozen",
        "the backward pass writes to its upstream gradient or its inputs",
    ),
    "a forward that changes parameters": (
        spoiled(forward=lambda self, x: x * np.multiply(self.w.data, 2, out=self.w.data)),
        "frozen",
        "the forward pass writes to its inputs",
    ),
    "an own generator": (
        Op(lambda x: (x * GENERATOR.random(), x), sin_bwd),
        "repeat",
        "two forward passes on the same inputs differ: random, or with a memory",
    ),
    "a random backward": (
        Op(sin_fwd, lambda dy, x: dy * GENERATOR.random()),
        "repeat",
        "the same passes give another result later on",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_a_subject_does_wrong_is_a_finding(name: str) -> None:
    subject, rule, words = FOUND[name]
    report = check(subject, X)
    assert not report.ok
    assert [f for f in report.findings if f.rule == rule and words in f.message]
    *lines, replay = str(report).splitlines()
    assert max(map(len, lines)) <= 100
    assert "test_bad_subjects.py" in replay


RIGHT: dict[str, tuple[Any, ...]] = {
    "any number of arguments": (lambda *a: a[0] * a[1], lambda dy, *a: (dy * a[1], dy * a[0]), 2),
    "keywords": (lambda x, **options: np.sin(x), sin_bwd, 1),
    "built in": (abs, lambda dy, x: dy * np.sign(x), 1),
    "of NumPy": (np.sin, sin_bwd, 1),
    "partial": (functools.partial(np.power, 2.0), lambda dy, x: dy * np.log(2) * 2.0**x, 1),
    "object": (type("Sine", (), {"__call__": lambda self, x: np.sin(x)})(), sin_bwd, 1),
    "bound": (spoiled().forward, lambda dy, x: dy * draw(4, seed=1), 1),
}


@pytest.mark.parametrize("name", RIGHT)
def test_whatever_can_be_called_is_a_function(name: str) -> None:
    function, backward, count = RIGHT[name]
    check(function, *(draw(3, 4, seed=n) for n in range(count)), backward=backward).raise_if_wrong()


LAYERS: dict[str, dict[str, Any]] = {
    "parameters from a generator": {"parameters": lambda self: (p for p in [self.w])},
    "parameters by name": {"parameters": lambda self: {"w": self.w}},
    "a lock": {"lock": property(lambda self: threading.Lock())},
    "no copies": {"__deepcopy__": failing(TypeError())},
    "a copy that is none": {"__deepcopy__": lambda self, memo: None},
    "no words": {"__repr__": failing(ZeroDivisionError())},
    "no truth": {"__bool__": failing(ZeroDivisionError())},
    "no equality": {"__eq__": failing(ZeroDivisionError()), "__hash__": None},
    "no unknown attributes": {"__getattr__": failing(ZeroDivisionError())},
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_right_layer_passes_whatever_else_it_does(name: str) -> None:
    report = check(spoiled(**LAYERS[name]), X)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "w"]


def test_a_parameter_that_is_not_listed_is_a_warning() -> None:
    report = check(spoiled(parameters=lambda self: []), X)
    assert report.warnings == ["holds float arrays w that are no parameters: not checked"]


SAVED: dict[str, Any] = {
    "objects that cannot be compared": lambda x: (x, Unconvertible(), Guarded()),
    "a list that holds itself": lambda x: (box := [x], box.append(box))[0],
    "an array of objects": lambda x: np.array([x, None], dtype=object),
    "records with NaN": lambda x: (x, np.full(2, np.nan, [("a", float)]).view([("b", float)])),
}


@pytest.mark.parametrize("name", SAVED)
def test_anything_may_be_saved(name: str) -> None:
    save = SAVED[name]
    check(Op(lambda x: (np.sin(x), save(x)), lambda dy, s: dy * np.cos(s[0])), X).raise_if_wrong()


ABORTS = [SystemExit(3), KeyboardInterrupt(), GeneratorExit()]


@pytest.mark.parametrize("abort", ABORTS, ids=lambda abort: type(abort).__name__)
@pytest.mark.parametrize("when", [lambda then: then, lambda then: later(sin_bwd, then)])
def test_what_ends_a_program_passes_through(abort: BaseException, when: Any) -> None:
    with pytest.raises(type(abort)):
        check(Op(sin_fwd, when(failing(abort))), X)


def test_a_warning_of_the_subject_reaches_the_caller() -> None:
    def forward(x: Any) -> Any:
        warnings.warn("deprecated", UserWarning, stacklevel=1)
        return sin_fwd(x)

    with pytest.warns(UserWarning, match="deprecated"):
        check(Op(forward, sin_bwd), X).raise_if_wrong()


@pytest.mark.parametrize(
    ("method", "factor"), [("complex", 1.0), ("complex", 1.5), ("ladder", 1.0)]
)
def test_large_arrays_need_no_more_than_thirty_times_their_memory(
    method: str, factor: float
) -> None:
    def backward(dy: Any, x: Any) -> Any:
        dx = dy * np.cos(x)
        dx[7] *= factor
        return dx

    x = draw(150_000)
    tracemalloc.start()
    report = check(Op(sin_fwd, backward), x, method=method)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.ok == (factor == 1)
    assert report.depth == "projection"
    assert peak < 30 * x.nbytes
