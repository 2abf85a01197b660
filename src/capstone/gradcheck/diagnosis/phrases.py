"""Numbers and lists as they stand in a diagnosis."""

from collections.abc import Sequence

NEAR_ONE = 1e-3  # factors nearer to 1 are written as their distance from it
SHOWN = 6  # most items of a list


def factor_in_words(factor: float, digits: int = 6) -> str:
    """`2`, `-0.5`, or `(1 + 1e-09)` where the digits would hide the difference."""
    if factor != 1 and abs(factor - 1) < NEAR_ONE:
        return f"(1 {'+' if factor > 1 else '-'} {abs(factor - 1):.1e})"
    return f"{factor:.{digits}g}"


def listed(items: Sequence[object], shown: int = SHOWN) -> str:
    """The first few, and dots if there are more."""
    return ", ".join(map(str, items[:shown])) + (", ..." if len(items) > shown else "")


def both(names: Sequence[str]) -> str:
    """`x`, `x and w`, `x, w and b`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def counted(number: int, noun: str) -> str:
    """`1 entry`, `2 entries`, `1 row`, `2 rows`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def named_axes(axes: Sequence[int]) -> str:
    """`axis 0`, `axes 0 and 2`."""
    if len(axes) == 1:
        return f"axis {axes[0]}"
    return "axes " + " and ".join(map(str, axes))
