"""Random misbehaviour: nothing but a `UsageError` comes out, and what is green is right."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from unit.gradcheck.odd_things import Guarded, Unconvertible, UntellableError, failing, masked
from unit.gradcheck.samples import draw

HARMLESS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda y: y,
    "a copy": np.array,
    "read-only": lambda y: np.broadcast_to(y, np.shape(y)),
    "in Fortran's order": np.asfortranarray,
}
HARMFUL: dict[str, Callable[[Any], Any]] = {
    "None": lambda y: None,
    "a list": lambda y: np.asarray(y).tolist(),
    "a pair": lambda y: (y, y),
    "a dictionary": lambda y: {"y": y},
    "text": lambda y: "abc",
    "NaN": lambda y: y * np.nan,
    "infinite": lambda y: y + np.inf,
    "complex": lambda y: y + 1j,
    "whole numbers": lambda y: np.asarray(y).real.astype(int),
    "objects": lambda y: np.asarray(y).astype(object),
    "single precision": lambda y: np.asarray(y).real.astype(np.float32),
    "the other byte order": lambda y: np.asarray(y).real.astype(">f8"),
    "masked": lambda y: masked(np.asarray(y)),
    "empty": lambda y: np.asarray(y)[..., :0],
    "one axis more": lambda y: np.asarray(y)[None],
    "one number": lambda y: float(np.sum(y).real),
    "turned": lambda y: np.asarray(y).T,
    "half": lambda y: 0.5 * y,
    "a little more": lambda y: y * (1 + 1e-9),
    "a constant more": lambda y: y + 1.0,
    "rounded": lambda y: np.round(y, 3),
    "unconvertible": lambda y: Unconvertible(),
    "guarded": lambda y: Guarded(),
    "a failure": failing(ZeroDivisionError("no")),
    "a failure without words": failing(UntellableError()),
    "an exit from a loop": failing(StopIteration()),
}
DEEDS = {**HARMLESS, **HARMFUL}
RIGHT = {*HARMLESS, "a list", "the other byte order"}  # the last two are refused at times
TIMES = st.sampled_from(["always", "at first", "later", "every third time"])


def does(deed: str, when: str) -> Callable[[Any], Any]:
    """A deed that is done at some calls, counted from when it is made."""
    calls: list[None] = []

    def done(y: Any) -> Any:
        calls.append(None)
        is_time = {
            "always": True,
            "at first": len(calls) == 1,
            "later": len(calls) > 1,
            "every third time": len(calls) % 3 == 0,
        }
        return DEEDS[deed](y) if is_time[when] else y

    return done


def subject(*deeds: Callable[[Any], Any]) -> Op:
    """A product, spoiled in its output, its saved values and both of its gradients."""
    of_output, of_saved, of_da, of_db = deeds

    def forward(a: Any, b: Any) -> Any:
        return of_output(a * b), (of_saved(a), b)

    def backward(dy: Any, saved: Any) -> Any:
        a, b = saved
        return of_da(dy * b), of_db(dy * a)

    return Op(forward, backward, "product")


def leaves_gradients_right(of_output: tuple[str, str], *others: tuple[str, str]) -> bool:
    """Whether the backward pass still belongs to the forward pass, as that is later on."""
    deed, when = of_output
    is_no_matter = deed in RIGHT or deed == "a constant more" or when == "at first"
    is_no_matter |= deed in ("single precision", "masked", "complex")  # if let through, the same
    is_no_matter |= deed == "one number" and when == "always"  # dy is one too, and fits them all
    return is_no_matter and all(deed in RIGHT for deed, _ in others)


ANY = st.sampled_from(sorted(DEEDS))
MOSTLY_RIGHT = st.one_of(st.just("as it is"), ANY)


@given(st.lists(st.tuples(MOSTLY_RIGHT, TIMES), min_size=4, max_size=4), st.integers(0, 99))
@settings(max_examples=150)
def test_what_comes_out_is_a_report_or_a_usage_error(
    deeds: list[tuple[str, str]], seed: int
) -> None:
    a, b = draw(3, 4), draw(3, 4, seed=1)
    with contextlib.suppress(UsageError):
        report = check(subject(*(does(*deed) for deed in deeds)), a, b, seed=seed)
        lines = str(report).splitlines()[:-1]  # the last one may be as long as a test's name
        assert len(lines) < 25
        assert report.ok or all(len(line) <= 100 for line in lines)
        # of several mistakes one may make up for another
        is_one = sum(deed not in RIGHT for deed, _ in deeds) == 1
        assert not (report.ok and is_one) or leaves_gradients_right(*deeds), report
        report.to_dict()


@given(st.lists(st.tuples(st.sampled_from(sorted(HARMLESS)), TIMES), min_size=4, max_size=4))
@settings(max_examples=30)
def test_harmless_habits_are_no_mistakes(deeds: list[tuple[str, str]]) -> None:
    check(subject(*(does(*d) for d in deeds)), draw(3, 4), draw(3, 4, seed=1)).raise_if_wrong()
