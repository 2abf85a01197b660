"""The words of hints: one line for all that share a finding, the worst first, and each fits."""

import pytest

from capstone.gradcheck.inputs.hints import LONGEST, RANKS, WORDS, Hint, in_words


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize(
    "names", [["x"], ["a_rather_long_name" * 9], [f"blocks.{n}" for n in "abcdef" * 99]]
)
def test_every_line_fits(kind, names) -> None:
    lines = in_words(Hint(kind, name, "0, 1 and 2") for name in names)
    assert len(lines) == 1
    assert len(lines[0]) <= LONGEST


def test_names_that_do_not_fit_are_counted() -> None:
    (line,) = in_words(Hint("zeros", f"blocks.{n}.bias") for n in range(12))
    assert line.startswith("blocks.0.bias and 11 more: 0 throughout; ")


def test_the_end_of_a_long_name_is_kept() -> None:
    (line,) = in_words([Hint("zeros", "model." * 9 + "bias")])
    assert line.startswith("...")
    assert ".bias: 0 throughout; " in line


def test_what_hides_most_comes_first_and_names_share_a_line() -> None:
    found = [Hint("ties", "x"), Hint("zeros", "b"), Hint("ties", "y")]
    assert in_words(found) == [f"b: {WORDS['zeros']}", f"x, y: {WORDS['ties']}"]


def test_ranks_follow_the_table() -> None:
    assert sorted(RANKS.values()) == list(range(len(WORDS)))
