"""What inputs hide stands in a report as warnings, and changes no verdict."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check, lint
from capstone.gradcheck.inputs.hints import WORDS
from capstone.gradcheck.inputs.lint import MOST
from cases import CASES, run_check

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))


def sine(x, **inputs):
    return check(np.sin, x, backward=lambda dy, x: dy * np.cos(x), **inputs)


def test_a_usual_call_has_no_warnings() -> None:
    assert sine(X).warnings == []


def test_hints_are_warnings_and_change_no_verdict() -> None:
    report = sine(np.full((3, 4), 0.5))
    assert report.ok
    assert report.warnings == [f"x: {WORDS['constant']}"]
    assert str(report).endswith(f"\n  warning      x: {WORDS['constant']}")


def test_a_wrong_gradient_stays_wrong_and_short() -> None:
    zeros = [np.zeros((1, n)) for n in range(2, 9)]
    op = Op(lambda *x: (sum(a.sum() for a in x), None), lambda dy, saved: [dy * 1] * 7)
    report = check(op, *zeros, upstream=1.0, replay="again")
    assert not report.ok
    assert len(str(report).splitlines()) <= 25
    assert max(map(len, str(report).splitlines())) <= 100


def test_other_warnings_come_first() -> None:
    report = check(np.abs, np.full((3, 4), 0.5), backward=lambda dy, x: dy * np.sign(x))
    assert [warning.partition(":")[0] for warning in report.warnings] == ["no complex step", "x"]


def test_the_worst_hints_are_shown_and_the_others_counted() -> None:
    x = np.abs(RNG.standard_normal((1, 4)))
    w = np.full((4, 7), 0.5)
    op = Op(
        lambda x, w, b, scale, offset, p: (x @ w + b, (x, w)),
        lambda dy, saved: (dy @ saved[1].T, saved[0].T @ dy, dy.sum(axis=0)),
        options={"scale": 1, "offset": 0, "p": 0},
    )
    report = check(op, x, w, np.zeros(7), upstream=np.ones((1, 7)))
    assert report.ok
    assert len(report.warnings) == MOST + 1
    every = lint(x, w, np.zeros(7), names="xwb", upstream=np.ones((1, 7)), options=op.options)
    assert report.warnings[:MOST] == every[:MOST]
    assert report.warnings[MOST] == f"and {len(every) - MOST} more, see lint(...)"


def test_parameters_of_a_layer_are_looked_at() -> None:
    class Scale:
        def __init__(self):
            self.gain, self.dgain = np.ones(4), np.zeros(4)

        def named_parameters(self):
            return [("gain", self)]

        @property
        def data(self):
            return self.gain

        @data.setter
        def data(self, value):
            self.gain = value

        @property
        def grad(self):
            return self.dgain

        @grad.setter
        def grad(self, value):
            self.dgain = value

        def forward(self, x):
            self.x = x
            return x * self.gain

        def backward(self, dy):
            self.dgain += (dy * self.x).sum(axis=0)
            return dy * self.gain

    report = check(Scale(), X)
    assert report.ok
    assert report.warnings == [f"gain: {WORDS['ones']}"]


def test_one_sign_is_left_out_where_the_domain_ends_at_0() -> None:
    positive = np.abs(X) + 0.1
    assert check(np.log, positive, backward=lambda dy, x: dy / x).warnings == []
    assert sine(positive).warnings == [f"x: {WORDS['one sign']}"]


def test_one_sign_is_left_out_where_the_forward_pass_refuses_the_other() -> None:
    def root(x):
        if (np.real(x) < 0).any():
            raise ValueError("negative")
        return np.sqrt(x)

    report = check(root, np.abs(X) + 0.1, backward=lambda dy, x: dy / (2 * np.sqrt(x)))
    assert report.warnings == []


def test_an_upstream_gradient_that_is_refused_elsewhere_does_not_fail_here() -> None:
    report = check(Op(lambda x: 3, lambda dy, saved: dy), X, upstream="x")
    assert [finding.rule for finding in report.findings] == ["contract"]
    assert report.warnings == []


TRUE = {  # of built-in cases that have what it says on purpose
    "rmsnorm-B2_T3_D5_tiny": ["x: all within 0.05", f"x: {WORDS['zero entries'].split(';')[0]}"],
    "silu-B2_T3_F5": [f"x: {WORDS['zero entries'].split(';')[0]}"],  # silu has no kink at 0
    "swiglu-B2_T3_F5": [f"gate: {WORDS['zero entries'].split(';')[0]}"],  # as above
}


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_built_in_cases_get_no_hint_that_is_not_true(case) -> None:
    assert [w.partition(";")[0] for w in run_check(case).warnings] == TRUE.get(case.id, [])
