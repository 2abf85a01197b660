"""What inputs can hide, in words: one line a finding, the worst first."""

from collections.abc import Iterable
from typing import NamedTuple

from capstone.gradcheck.words import listed

LONGEST = 85  # columns: with its margin a line of a report holds 100

WORDS = {  # what is wrong; what hides; the mend. In the order of how much hides.
    "upstream zero": "0 throughout; every gradient is 0; leave it out",
    "upstream one": "1; a backward pass that ignores it passes; leave it out",
    "upstream constant": "constant; softmax and norms send it to 0; leave it out",
    "zeros": "0 throughout; lost terms and factors hide; draw at random",
    "ones": "1 throughout; a forgotten factor hides; draw signs and sizes",
    "constant": "one number throughout; wrong axes hide; draw at random",
    "identity": "the identity; a forgotten product hides; draw at random",
    "equal": "equal; swapped gradients hide; draw each by itself",
    "one long": "axis {} is 1 long; a mean for a sum along it hides; make it 3",
    "nothing drops": "nothing is dropped; a forgotten mask hides; take 0.3",
    "one head": "mixed-up heads hide; take 2 or more",
    "no effect": "no effect; its part of the backward hides; change it",
    "repeats": "the same along axis {}; a wrong sum along it hides; draw at random",
    "symmetric": "symmetric; a missing transpose hides; draw at random",
    "unique ids": "no id repeats; lost duplicates hide; let some repeat",
    "one id": "one id throughout; mixed-up ids hide; draw several",
    "all masked": "True throughout; what False does hides; mix both",
    "none masked": "False throughout; what True does hides; mix both",
    "none ignored": "nothing is ignored; how it is left out hides; ignore some",
    "all ignored": "all is ignored; every gradient is 0; keep some",
    "one norm": "rows of one norm; a forgotten normalization hides; scale some",
    "one sign": "all of one sign; what is beyond 0 hides; take both signs",
    "upstream one sign": "of one sign; errors that cancel hide; leave it out",
    "upstream one-hot": "one-hot; most of the gradient hides; leave it out",
    "saturated": "all beyond 20; activations are flat there; take some near 0",
    "tiny": "all within 0.05; nearly linear there; take larger ones",
    "equal axes": "axes {} are equally long; taking one for the other hides",
    "no first id": "id 0 is absent; mistakes at the edge hide; use it",
    "no last id": "the last id, {}, is absent; mistakes at the edge hide; use it",
    "all ids": "every id occurs; what an unused row gets hides; leave one out",
    "zero entries": "some entries are 0, a kink of relu and abs; move them",
    "ties": "equal maxima in a row, a kink of max and sort; draw them apart",
    "overlap": "shares memory with itself: an entry counts twice; copy it",
}
RANKS = {kind: rank for rank, kind in enumerate(WORDS)}


class Hint(NamedTuple):
    """One finding.

    Args:
        kind: a key of `WORDS`.
        name: of what it is about.
        detail: what the words leave open.
    """

    kind: str
    name: str
    detail: str = ""


def in_words(hints: Iterable[Hint]) -> list[str]:
    """One line for all that share a finding, the worst first."""
    names: dict[tuple[str, str], list[str]] = {}
    for kind, name, detail in hints:
        names.setdefault((kind, detail), []).append(name)
    ordered = sorted(names, key=lambda found: RANKS[found[0]])
    return [_line(names[found], WORDS[found[0]].format(found[1])) for found in ordered]


def _line(names: list[str], words: str) -> str:
    room = LONGEST - len(words) - len(": ")
    shown = ", ".join(names)
    if len(shown) > room and len(names) > 1:
        shown = listed(names, ", ", room - len(" and 999 more"))
    return f"{shown if len(shown) <= room else '...' + shown[3 - room :]}: {words}"
