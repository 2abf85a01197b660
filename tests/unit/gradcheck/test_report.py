"""The words of a report: they fit, and they say what is wrong."""

import json

import numpy as np
import pytest

from capstone.gradcheck import Finding, GradientMismatch, Op, check
from unit.gradcheck.samples import check_sin, draw, product_fwd, sin_bwd

WRONG = Op(product_fwd, lambda dy, s: (dy * s[1], 2 * dy * s[0]), name="product")
TEXT = str(check(WRONG, draw(3, 4), draw(3, 4, seed=1)))


@pytest.mark.parametrize(
    "words",
    [
        "product: d(b) disagrees with the derivative by complex step\n",
        "  argument     b  shape (3, 4)  dtype float64\n",
        "  worst        [",
        "ratio 2",
        "12 of 12 entries differ",
        "  diagnosis    analytic = 2 x numeric everywhere; 2 = sqrt(4), 4 = the size of axis 1 of ",
        "  others       a ok   (would have caught ",
        "  replay       ",
    ],
)
def test_failure_says(words: str) -> None:
    assert words in TEXT


def raise_at_length(dy, x):
    raise RuntimeError("\n".join(["a long message " * 20] * 60))


def many_arguments():
    names = [f"weight_of_the_layer_number_{i}" for i in range(20)]
    scope = {}
    exec(f"def forward({', '.join(names)}): return {' + '.join(names)}, None", scope)
    op = Op(scope["forward"], lambda dy, _: tuple(2 * dy for _ in names))
    return check(op, *(draw(3, seed=i) for i in range(20)))


@pytest.mark.parametrize(
    "report", [lambda: check_sin(backward=raise_at_length), many_arguments], ids=["words", "names"]
)
def test_failure_fits_on_a_screen(report) -> None:
    lines = str(report()).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines[:-1])) <= 100  # the replay command stays whole


@pytest.mark.parametrize("backward", [sin_bwd, lambda dy, x: 2 * dy], ids=["right", "wrong"])
def test_a_long_warning_is_wrapped(backward) -> None:
    words = " ".join(f"word{i}" for i in range(20))

    def loud_sin(x):
        if np.iscomplexobj(x):
            raise TypeError(words)
        return np.sin(x)

    lines = str(check(loud_sin, draw(3, 4), backward=backward)).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("  warning      no complex"))
    assert len(lines[first]) <= 100
    assert lines[first + 1].startswith(" " * 15 + "word")
    assert max(map(len, lines[:-1])) <= 100


def test_the_replay_command_stays_whole_to_be_copied() -> None:
    command = f"pytest {'a' * 200} --gradcheck-replay 7f3a"
    lines = str(check_sin(backward=lambda dy, x: 2 * dy, replay=command)).splitlines()
    assert lines[-1] == f"  replay       {command}"


def test_pass_says_what_it_would_have_caught() -> None:
    assert str(check_sin()).startswith("sin: ok, 12 entries by complex step (per_entry), would")


@pytest.mark.parametrize("backward", [sin_bwd, raise_at_length, lambda dy, x: 2 * dy])
def test_report_is_serializable(backward) -> None:
    report = check_sin(backward=backward)
    assert json.loads(json.dumps(report.to_dict()))["ok"] is report.ok


def test_what_is_located_is_in_the_words_and_in_the_data() -> None:
    report = check_sin(backward=lambda dy, x: 2 * dy)
    report.located = ["taps: " + "look there " * 40]
    lines = [line for line in str(report).splitlines() if "look there" in line]
    assert len(lines) == 2
    assert lines[0].startswith("  taps         look there")
    assert report.to_dict()["located"] == report.located


def test_what_is_located_is_shown_where_everything_else_is_long() -> None:
    report = many_arguments()
    report.findings = [Finding("rule", "a long message " * 20) for _ in range(9)]
    report.warnings = ["a long warning " * 20] * 9
    report.located = ["taps: " + "here " * 90, "taps: " + "here " * 90, "layers: there"]
    lines = str(report).splitlines()
    assert len(lines) == 25
    assert lines[-2] == "  layers       there"


def test_raise_if_wrong_carries_the_text() -> None:
    check_sin().raise_if_wrong()
    with pytest.raises(GradientMismatch, match="d\\(x\\) disagrees"):
        check_sin(backward=lambda dy, x: 2 * dy).raise_if_wrong()
