"""The sensitivity control: a sharp check misses nothing, a dull one is told what it missed."""

import numpy as np
import pytest

from capstone.gradcheck.audit import returned
from capstone.gradcheck.audit.returned import PLANTED, sensitivity
from unit.gradcheck.samples import draw


def tanh_bwd(dy, x):
    return dy * (1 - np.tanh(x) ** 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("method", ["complex", "ladder"])
@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_a_check_of_a_right_gradient_finds_every_planted_error(dtype, method, depth):
    x = draw(3, 5).astype(dtype)
    assert sensitivity(np.tanh, x, backward=tanh_bwd, method=method, depth=depth) == []


def test_a_check_that_lets_everything_pass_is_told_so(monkeypatch):
    monkeypatch.setattr(returned, "check_subject", _always_right(returned.check_subject))
    missed = sensitivity(np.tanh, draw(3, 5), backward=tanh_bwd)
    assert missed == [f"{error} in d(x)" for error in PLANTED]


def _always_right(check_subject):
    """Whatever is wrong is called right."""

    def check(subject, options):
        while hasattr(subject, "spoil"):
            subject = subject.subject
        return check_subject(subject, options)

    return check


def test_errors_are_planted_in_every_gradient_in_turn(monkeypatch):
    monkeypatch.setattr(returned, "check_subject", _always_right(returned.check_subject))
    missed = sensitivity(
        lambda a, b: a * b, draw(3), draw(3, seed=1), backward=lambda dy, a, b: (dy * b, dy * a)
    )
    assert [words.rpartition(" ")[2] for words in missed] == [
        "d(a)",
        "d(b)",
        "d(a)",
        "d(b)",
        "d(a)",
    ]


def test_each_of_many_gradients_gets_an_error(monkeypatch):
    monkeypatch.setattr(returned, "check_subject", _always_right(returned.check_subject))
    names = "abcdefg"
    scope = {}
    exec(f"def total({', '.join(names)}): return {' + '.join(names)}", scope)
    missed = sensitivity(
        scope["total"],
        *(draw(3, seed=i) for i in range(7)),
        backward=lambda dy, *inputs: tuple(dy.copy() for _ in inputs),
    )
    assert sorted(words.rpartition(" ")[2] for words in missed) == [f"d({name})" for name in names]
