"""A wrong gradient is traced to the lines between two taps."""

import numpy as np
import pytest

from capstone.gradcheck import Op, Report, check, tap, tap_grad
from unit.gradcheck.localize.tapped_attention import INPUTS, attention
from unit.gradcheck.samples import Affine, check_sin, draw

BUGS = {
    "in front of all taps": (
        {"dprobs": lambda dy, v: 2 * dy @ v.swapaxes(-1, -2)},
        "probs wrong: look before the first tap, between the upstream gradient and "
        'tap_grad("probs")',
    ),
    "between two": (
        {"dscores": lambda p, dp: p * dp},
        'probs ok, scores wrong: look between tap_grad("probs") and tap_grad("scores")',
    ),
    "one entry between two": (
        {
            "dscores": lambda p, dp: (
                p * (dp - (dp * p).sum(-1, keepdims=True)) + 1e-9 * (p == p[0, 0, 0, 0])
            )
        },
        'probs ok, scores wrong: look between tap_grad("probs") and tap_grad("scores")',
    ),
    "behind all taps": (
        {"dk": lambda ds, q: ds.swapaxes(-1, -2) @ q},
        'probs ok, scores ok: look after the last tap, between tap_grad("scores") and d(k)',
    ),
    "beside the taps": (
        {"dv": lambda p, dy: 3 * p.swapaxes(-1, -2) @ dy},
        "probs ok, scores ok: look between the upstream gradient and d(v), which comes from no tap",
    ),
}


def located(report: Report) -> list[str]:
    assert not report.ok
    return report.located


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_located(name: str) -> None:
    lines, words = BUGS[name]
    assert located(check(attention(**lines), *INPUTS)) == [f"taps: {words}"]


@pytest.mark.parametrize("options", [{"method": "ladder"}, {"depth": "projection"}])
def test_a_bug_is_located_by_other_means(options) -> None:
    lines, words = BUGS["between two"]
    assert located(check(attention(**lines), *INPUTS, **options)) == [f"taps: {words}"]


def test_a_bug_is_located_in_single_precision() -> None:
    lines, words = BUGS["between two"]
    inputs = [array.astype(np.float32) for array in INPUTS]
    assert located(check(attention(**lines), *inputs)) == [f"taps: {words}"]


def test_infinite_scores_behind_a_mask_are_no_obstacle() -> None:
    def forward(q, k, v):
        hidden = np.triu(np.ones((5, 7), bool), 3)
        scores = tap("scores", np.where(hidden, -np.inf, q @ k.swapaxes(-1, -2) / 2))
        weights = np.exp(scores - scores.real.max(axis=-1, keepdims=True))
        probs = tap("probs", weights / weights.sum(axis=-1, keepdims=True))
        return probs @ v, (q, k, v, probs)

    check(attention(forward=forward), *INPUTS).raise_if_wrong()
    lines, words = BUGS["between two"]
    assert located(check(attention(forward=forward, **lines), *INPUTS)) == [f"taps: {words}"]


def test_the_report_says_it() -> None:
    lines, words = BUGS["between two"]
    assert f"\n  taps         {words}\n" in str(check(attention(**lines), *INPUTS))


def test_the_search_can_be_left_out() -> None:
    assert located(check(attention(**BUGS["between two"][0]), *INPUTS, locate=False)) == []


def test_a_subject_without_taps_says_nothing_of_them() -> None:
    assert located(check_sin(backward=lambda dy, x: dy)) == []


def chain_fwd(x):
    """The sine of the sine, in a loop with one tap."""
    saved = []
    for _ in range(3):
        x = tap("x", x)
        saved.append(x)
        x = np.sin(x)
    return x, saved


def chain(wrong_step: int) -> Op:
    def backward(dy, saved):
        for step in (2, 1, 0):
            dy = tap_grad("x", dy * np.cos(saved[step]) * (2 if step == wrong_step else 1))
        return dy

    return Op(chain_fwd, backward, name="chain")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            2,
            "x #3 wrong: look before the first tap, between the upstream gradient and "
            'tap_grad("x #3")',
        ),
        (1, 'x #3 ok, x #2 wrong: look between tap_grad("x #3") and tap_grad("x #2")'),
        (0, 'x #3 ok, x #2 ok, x wrong: look between tap_grad("x #2") and tap_grad("x")'),
    ],
)
def test_hits_of_one_tap_are_told_apart(step: int, words: str) -> None:
    assert located(check(chain(step), draw(3, 4))) == [f"taps: {words}"]


def test_hits_that_both_passes_meet_in_one_order_are_told_apart() -> None:
    def forward(x):
        halves = [tap("half", half) for half in (x[:2] ** 2, x[2:] ** 3)]
        return np.concatenate([np.sin(half) for half in halves]), (x, halves)

    def backward(dy, saved):
        x, halves = saved
        parts = [(dy[:2], halves[0]), (dy[2:], halves[1])]
        first, second = (tap_grad("half", part * np.cos(half)) for part, half in parts)
        return np.concatenate([2 * x[:2] * first, 2 * x[2:] ** 2 * second])

    words = 'half ok, half #2 ok: look after the last tap, between tap_grad("half")'
    (found,) = located(check(Op(forward, backward), draw(4, 3)))
    assert found.startswith(f"taps: {words}")


SPOILED = {
    "no tap_grad": (
        lambda name, grad: grad if name == "scores" else tap_grad(name, grad),
        'tap("scores") has no tap_grad("scores") that the backward pass reaches',
    ),
    "no tap": (
        lambda name, grad: tap_grad("other" if name == "scores" else name, grad),
        'tap("scores") has no tap_grad("scores") that the backward pass reaches (and 1 more)',
    ),
    "another shape": (
        lambda name, grad: tap_grad(name, grad[0])[None] + 0 * grad,
        'tap_grad("probs") has shape (3, 5, 7), expected (2, 3, 5, 7), that of its tap',
    ),
    "no result": (
        lambda name, grad: [tap_grad(name, grad), grad][1],
        'nothing uses what tap_grad("probs") returns: write grad = tap_grad("probs", grad)',
    ),
    "a list": (
        lambda name, grad: np.asarray(tap_grad(name, grad.tolist())),
        'tap_grad("scores") is given no floating-point array of NumPy (and 1 more)',
    ),
    "too often": (
        lambda name, grad: tap_grad(name, tap_grad(name, grad)),
        '"scores" is hit 1 times forward and 2 times backward: only pairs are compared',
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_taps_that_do_not_fit_are_named(name: str) -> None:
    replaced, words = SPOILED[name]
    lines = BUGS["behind all taps"][0]
    found = located(check(attention(tap_grad=replaced, **lines), *INPUTS))
    assert found[0].startswith(f"taps: {words}")


def test_a_tap_whose_result_is_not_used_is_named() -> None:
    def forward(x):
        tap("h", x * 2)
        return np.sin(x * 2), x

    report = check(Op(forward, lambda dy, x: tap_grad("h", dy) * np.cos(2 * x)), draw(3))
    words = 'nothing uses what tap("h") returns: write value = tap("h", value)'
    assert located(report) == [f"taps: {words}"]


def test_a_tap_grad_that_comes_too_early_is_named() -> None:
    def forward(x):
        a = tap("a", np.sin(x))
        b = tap("b", a**2)
        return np.exp(b), (x, a, b)

    def backward(dy, saved):
        x, a, b = saved
        tap_grad("a", dy)
        db = tap_grad("b", dy * np.exp(b))
        return db * a * np.cos(x)

    words = 'tap_grad("a") is called before tap_grad("b"), which it must come from'
    assert any(words in line for line in located(check(Op(forward, backward), draw(3))))


def test_a_tap_of_something_else_than_numbers_is_named() -> None:
    def backward(dy, x):
        return tap_grad("label", dy)

    report = check_sin(lambda x: (np.sin(x), tap("label", [x])[0]), backward)
    words = 'tap("label") is given no floating-point array of NumPy, and is not measured'
    assert located(report) == [f"taps: {words}"]


def test_a_backward_pass_that_fails_says_how_far_it_came() -> None:
    lines = {"dscores": lambda p, dp: p @ dp}
    (first, *rest) = located(check(attention(**lines), *INPUTS))
    assert 'tap("scores") has no tap_grad("scores")' in first
    assert rest[0].startswith('taps: the backward pass fails after tap_grad("probs"): ValueError')


class Tapped(Affine):
    """A layer with a tap inside."""

    def forward(self, x):
        return np.sin(tap("h", super().forward(x)))

    def backward(self, dy):
        h = self.x @ self.w.data + self.b.data
        return super().backward(tap_grad("h", dy * np.cos(h) + self.excess))

    excess = 0.0


def test_taps_work_in_layers() -> None:
    layer = Tapped()
    check(layer, draw(2, 5, 3)).raise_if_wrong()
    layer.excess = 1e-6
    words = 'h wrong: look before the first tap, between the upstream gradient and tap_grad("h")'
    assert located(check(layer, draw(2, 5, 3))) == [f"taps: {words}"]


def test_the_callers_layer_is_left_alone() -> None:
    layer = Tapped()
    layer.excess = 1.0
    before = layer.w.data, layer.b.data, dict(vars(layer))
    check(layer, draw(2, 5, 3))
    assert layer.w.data is before[0]
    assert layer.b.data is before[1]
    assert vars(layer) == before[2]


def test_many_taps_still_fit_on_the_screen() -> None:
    def forward(x):
        for number in range(70):
            x = tap(f"a tap with a very long name indeed, number {number}", x * 1.01)
        return x, None

    def backward(dy, _):
        for number in reversed(range(70)):
            dy = tap_grad(f"a tap with a very long name indeed, number {number}", dy) * 1.01
        return 2 * dy

    lines = str(check(Op(forward, backward), draw(3))).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines[:-1])) <= 100  # the replay command stays whole
