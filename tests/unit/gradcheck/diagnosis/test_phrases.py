"""Numbers and lists in words."""

import pytest

from capstone.gradcheck.diagnosis.phrases import both, counted, factor_in_words, listed


@pytest.mark.parametrize(
    ("factor", "words"),
    [(2.0, "2"), (-0.5, "-0.5"), (1 + 1e-9, "(1 + 1.0e-09)"), (1 - 2e-4, "(1 - 2.0e-04)")],
)
def test_factor(factor: float, words: str) -> None:
    assert factor_in_words(factor) == words


def test_a_long_list_ends_in_dots() -> None:
    assert listed(range(9), shown=3) == "0, 1, 2, ..."


@pytest.mark.parametrize(
    ("names", "words"), [(["x"], "x"), (["x", "w"], "x and w"), (["x", "w", "b"], "x, w and b")]
)
def test_names_together(names: list[str], words: str) -> None:
    assert both(names) == words


def test_plurals() -> None:
    assert [counted(1, "entry"), counted(2, "entry"), counted(2, "row")] == [
        "1 entry",
        "2 entries",
        "2 rows",
    ]
