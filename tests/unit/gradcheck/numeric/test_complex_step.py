"""Admission of the complex step, and the fallback to real numbers."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.gradcheck.numeric.complex_step import why_not_complex
from unit.gradcheck.samples import check_sin, draw, elementwise, evaluator_of


def into_a_real_buffer(x):
    y = np.zeros(x.shape)
    y[...] = x * x
    return y


TRAPS = {
    "abs": (lambda x: x + 1e-6 * np.abs(x), lambda x: 1 + 1e-6 * np.sign(x)),
    "a small abs": (lambda x: x + 1e-10 * np.abs(x), lambda x: 1 + 1e-10 * np.sign(x)),
    "real part": (lambda x: x + 1e-5 * x.real**2, lambda x: 1 + 2e-5 * x),
    "real buffer": (into_a_real_buffer, lambda x: 2 * x),
    "conjugate": (lambda x: (x * np.conj(x)).real, lambda x: 2 * x),
    "norm": (lambda x: x * np.linalg.norm(x) / np.linalg.norm(x), lambda x: np.ones_like(x)),
    "float()": (np.vectorize(lambda x: float(x) ** 2), lambda x: 2 * x),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_trap_falls_back_to_the_ladder_and_the_verdict_is_right(trap: str) -> None:
    report = check(elementwise(*TRAPS[trap]), draw(3, 4))
    report.raise_if_wrong()
    if trap != "norm":
        assert report.method == "noise-limited ladder"
        assert report.warnings[0].startswith("no complex step: ")


def test_what_a_forward_raises_at_complex_numbers_is_the_reason() -> None:
    def real_only(x):
        if np.iscomplexobj(x):
            raise TypeError("numbers of the real kind, please")
        return np.sin(x), x

    report = check_sin(forward=real_only)
    words = "forward cannot take complex numbers (TypeError: numbers of the real kind, please)"
    assert report.warnings == [f"no complex step: {words}"]


def test_forgotten_abs_is_no_silent_pass() -> None:
    op = Op(lambda x: (x + 1e-6 * np.abs(x), x), lambda dy, x: dy.copy())
    assert check(op, draw(3, 4)).wrong_arguments == ["x"]


def test_analytic_forward_is_admitted() -> None:
    assert why_not_complex(evaluator_of(elementwise(np.sin, np.cos), draw(3)), RNG) == ""
    assert check_sin().method == "complex step"


RNG = np.random.default_rng(0)


def forwards_of_admission(f, *, size: float = 1.0) -> int:
    evaluator = evaluator_of(elementwise(f, np.cos), size * draw(3, 4))
    assert why_not_complex(evaluator, np.random.default_rng(0)) == ""
    return evaluator.forwards


def test_a_smooth_forward_is_admitted_without_climbing_the_ladder() -> None:
    rough = forwards_of_admission(lambda x: np.sin(1e4 * x))  # no glance suits a step so small
    assert forwards_of_admission(np.sin) < rough


def test_differences_that_are_vague_beside_a_root_admit_no_absolute_value() -> None:
    root = elementwise(lambda x: np.sign(x) * np.abs(x) ** 1.25, lambda x: 1.25 * np.abs(x) ** 0.25)
    for seed in range(20):
        check(root, np.array([0.0, 1.0, -2.0]), seed=seed).raise_if_wrong()


@pytest.mark.parametrize("size", [1e-3, 1e-9, 1e-12])
@pytest.mark.parametrize("is_right", [True, False])
def test_an_absolute_value_at_one_small_entry_among_many_is_seen(size, is_right) -> None:
    def forward(x):
        y = x * x / 2
        y[..., 7] = size * np.abs(x[..., 7])
        return y, x

    def backward(dy, x):
        dx = dy * x
        dx[7] = dy[7] * size * np.sign(x[7]) * is_right
        return dx

    report = check(Op(forward, backward), draw(100))
    assert report.ok == is_right
    assert report.method == "noise-limited ladder"


def test_entries_that_are_ignored_leave_the_complex_step() -> None:
    op = Op(lambda x: (x[..., :3] ** 2, x), lambda dy, x: np.append(2 * dy * x[:3], [0.0, 0.0]))
    report = check(op, draw(5))
    assert report.ok
    assert report.method == "complex step"


def test_a_complex_step_that_was_asked_for_is_refused_where_a_part_is_dropped() -> None:
    def forward(x):
        y = x * x / 2
        y[..., 7] = 1e-12 * np.abs(x[..., 7])
        return y, x

    with pytest.raises(UsageError, match="imaginary parts of x are dropped on the way"):
        check(Op(forward, lambda dy, x: dy * x), draw(100), method="complex")
