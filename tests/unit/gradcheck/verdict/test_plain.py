"""Low precision: what a plain implementation errs decides, not a bound derived from sizes."""

from typing import Any

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, Report, check
from unit.gradcheck.samples import Affine, draw, rules


def mean_fwd(x: Any, gain: Any) -> Any:
    """(3, 37), (37,): a scaled row less its mean."""
    return (x - x.mean(axis=-1, keepdims=True)) * gain, (x, gain)


def mean_bwd(dy: Any, saved: Any) -> Any:
    x, gain = saved
    dc = dy * gain
    centered = x - x.mean(axis=-1, keepdims=True)
    return dc - dc.mean(axis=-1, keepdims=True), (dy * centered).sum(axis=0)


PLAIN = Op(mean_fwd, mean_bwd, name="plain")


def in_double(dy: Any, saved: Any) -> Any:
    """As a good kernel does: it accumulates in more precision than it stores."""
    grads = mean_bwd(dy.astype(float), tuple(array.astype(float) for array in saved))
    return tuple(grad.astype(dy.dtype) for grad in grads)


def a_little_off(dy: Any, saved: Any) -> Any:
    dx, dgain = in_double(dy, saved)
    return dx * (1 + 4 * np.finfo(dx.dtype).eps), dgain


def check_with(
    backward: Any, dtype: Any, plain: Any = PLAIN, forward: Any = mean_fwd, **options: Any
) -> Report:
    x, gain = draw(3, 37).astype(dtype), (0.5 + draw(37, seed=1) ** 2).astype(dtype)
    return check(Op(forward, backward, name="kernel"), x, gain, plain=plain, **options)


LOW = pytest.mark.parametrize("dtype", [np.float16, np.float32])


@LOW
@pytest.mark.parametrize("backward", [mean_bwd, in_double])
@pytest.mark.parametrize("depth", ["per_entry", "projection"])
def test_what_errs_no_more_than_the_plain_one_is_right(backward, dtype, depth) -> None:
    assert check_with(backward, dtype, depth=depth).ok


@LOW
def test_an_error_that_only_the_plain_one_shows(dtype) -> None:
    assert check_with(a_little_off, dtype, plain=None).ok
    assert check_with(a_little_off, dtype).wrong_arguments == ["x"]


@LOW
def test_it_would_have_caught_much_less(dtype) -> None:
    alone, beside = (check_with(mean_bwd, dtype, plain=plain) for plain in (None, PLAIN))
    assert 10 * beside.detection_floor < alone.detection_floor


def test_the_output_is_held_to_the_same() -> None:
    def forward(x, gain):
        y, saved = mean_fwd(x, gain)
        return y * (1 + 64 * np.finfo(y.dtype).eps), saved

    report = check_with(mean_bwd, np.float32, forward=forward)
    assert "forward" in rules(report)


def test_a_kernel_need_not_run_in_float64() -> None:
    def forward(x, gain):
        if x.dtype != np.float16:
            raise TypeError("half precision only")
        return mean_fwd(x, gain)

    assert check_with(mean_bwd, np.float16, forward=forward).ok


def test_a_layer_may_be_the_plain_one() -> None:
    layer = Affine()
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float32)
    x = draw(2, 3).astype(np.float32)
    before = [parameter.data for parameter in layer.parameters()]
    assert check(layer, x, plain=layer).ok
    assert all(p.data is held for p, held in zip(layer.parameters(), before, strict=True))


def test_a_wrong_plain_one_is_refused() -> None:
    wrong = Op(mean_fwd, lambda dy, saved: (2 * mean_bwd(dy, saved)[0], mean_bwd(dy, saved)[1]))
    with pytest.raises(UsageError, match=r"plain must be right in float64: .* got mean: d\(x\)"):
        check_with(mean_bwd, np.float32, plain=wrong)


def test_double_precision_needs_none() -> None:
    with pytest.raises(UsageError, match="plain= is for low precision: expected float32"):
        check_with(mean_bwd, np.float64)


def test_other_arguments_are_refused() -> None:
    other = Op(lambda x, gain: (x * gain, (x, gain)), mean_bwd)
    layer = Affine()
    with pytest.raises(UsageError, match="plain must take what the subject takes"):
        check(Op(other.forward, mean_bwd), *(draw(3).astype("f4"),) * 2, plain=layer)
