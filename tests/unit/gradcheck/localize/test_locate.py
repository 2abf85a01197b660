"""Looking for the place of a fault never fails itself."""

import numpy as np
import pytest

from capstone.gradcheck import Op, audit, check, tap, tap_grad
from capstone.gradcheck.localize import locate as module
from unit.gradcheck.localize.tapped_attention import INPUTS, attention
from unit.gradcheck.samples import check_sin, draw

ODD = {
    "NaN": lambda: check_sin(lambda x: (tap("y", x * np.nan), x)),
    "pair": lambda: check_sin(lambda x: [tap("y", x), x]),
    "count": lambda: check_sin(backward=lambda dy, x: (tap_grad("y", dy), dy)),
    "raises": lambda: check_sin(backward=lambda dy, x: tap_grad("y", 1 / 0)),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_compared_is_reported_all_the_same(name: str) -> None:
    report = ODD[name]()
    assert not report.ok
    assert len(str(report).splitlines()) <= 25


def test_a_forward_pass_that_fails_now_and_then_is_put_in_words() -> None:
    count = iter(range(10**6))

    def forward(x):
        if next(count) > 60 and next(count) % 3 == 0:
            raise RuntimeError("out of luck")
        return np.sin(tap("y", x)), x

    report = check(Op(forward, lambda dy, x: tap_grad("y", dy * x)), draw(3, 4))
    assert not report.ok
    assert all(words.startswith("taps: ") for words in report.located)


def test_a_failure_on_the_way_is_put_in_words(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(module, "locate_taps", fail)
    words = "taps: not found, a pass failed: RuntimeError: out of luck"
    assert check(attention(dv=lambda p, dy: 0 * INPUTS[2]), *INPUTS).located == [words]


def test_the_same_seed_finds_the_same_place() -> None:
    wrong = attention(dscores=lambda p, dp: p * dp)
    assert check(wrong, *INPUTS, seed=3).located == check(wrong, *INPUTS, seed=3).located


def test_the_given_upstream_gradient_is_used() -> None:
    def backward(dy, x):
        return tap_grad("y", dy) * np.cos(x) + 1e-3 * (dy == 0)

    upstream = np.zeros((3, 4))
    upstream[0] = 1
    report = check_sin(lambda x: (tap("y", np.sin(x)), x), backward, upstream=upstream)
    assert report.located == ['taps: y ok: look after the last tap, between tap_grad("y") and d(x)']


def sine_fwd(x):
    return np.sin(x), x


def sine_bwd(dy, x):
    return dy * np.cos(x)


def test_an_audit_does_not_look_for_places(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("it looked")

    monkeypatch.setattr(module, "base_of", fail)
    assert audit(Op(sine_fwd, sine_bwd), draw(3, 4)).kill_rate == 1
