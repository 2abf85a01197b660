"""Projection and per-entry depth, the search for wrong entries, and noise that is measured."""

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from unit.gradcheck.samples import check_sin, draw, sin_bwd


def matmul_fwd(x, w):
    return x @ w, (x, w)


def spoiled(entry: int, by: float):
    def backward(dy, saved):
        x, w = saved
        dw = x.swapaxes(-1, -2) @ dy
        dw.reshape(-1)[entry] *= 1 + by
        return dy @ w.swapaxes(-1, -2), dw

    return backward


@pytest.mark.parametrize("entry", [0, 777, 5999])
def test_projection_finds_the_one_wrong_entry_of_many(entry: int) -> None:
    op = Op(matmul_fwd, spoiled(entry, 1e-5))
    report = check(op, draw(4, 60), draw(60, 100, seed=1), depth="projection")
    assert report.wrong_arguments == ["w"]
    assert report.arguments[1].worst == np.unravel_index(entry, (60, 100))


def test_auto_depth_depends_on_the_size() -> None:
    op = Op(matmul_fwd, spoiled(0, 0.0))
    assert check(op, draw(2, 3), draw(3, 5)).depth == "per_entry"
    assert check(op, draw(64, 300), draw(300, 200)).depth == "projection"


def layernorm_fwd(x):
    centered = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centered * rstd, (centered * rstd, rstd)


def layernorm_bwd(dy, saved):
    xhat, rstd = saved
    mean = dy.mean(axis=-1, keepdims=True)
    return rstd * (dy - mean - xhat * (dy * xhat).mean(axis=-1, keepdims=True))


@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_rounding_of_a_large_offset_is_no_error(depth: str) -> None:
    for seed in range(5):
        op = Op(layernorm_fwd, layernorm_bwd)
        check(op, 1e5 + draw(8, 7), depth=depth, seed=seed).raise_if_wrong()


@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_nan_gradient_is_wrong_whatever_the_noise(depth: str) -> None:
    def backward(dy, x):
        dx = sin_bwd(dy, x)
        dx[0, 0] = np.nan
        return dx

    assert check_sin(backward=backward, depth=depth).wrong_arguments == ["x"]


def test_argument_lost_in_rounding_is_a_warning() -> None:
    op = Op(lambda x: (np.abs(x) * 1e-12 + 1e8, x), lambda dy, x: dy * np.sign(x) * 1e-12)
    report = check(op, draw(3))
    assert not report.ok
    assert "lost in rounding" in report.warnings[-1]
