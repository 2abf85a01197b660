"""The second held-out set: bugs in the project's own ops and layers, and in small functions.

All bugs, culprits and kinds were written down before any of them was checked, by someone who knew
the list of kinds in docs/how-to-read-a-failure.md and not how a diagnosis is made.

The two tables beside this file hold a subject in a line of its own, and under it a bug a line:

    name | culprits | kinds | piece of the backward pass that goes => what stands there instead

The first culprit is the one whose kind is judged. Where no listed kind is honest, the nearest one
stands there.
"""

from collections.abc import Iterator
from pathlib import Path

from unit.gradcheck.diagnosis.corpus.second_held_out_bug import SecondBug


def read(table: str) -> Iterator[SecondBug]:
    """The bugs of one table."""
    subject = ""
    for line in Path(__file__).with_name(table).read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            subject = line or subject
            continue
        name, culprits, kinds, edit = line.strip(" ").split(" | ", 3)
        old, _, new = edit.replace(r"\n", "\n").partition(" =>")
        words = tuple(culprits.split()), tuple(kinds.split())
        yield SecondBug(subject, name, old, new.removeprefix(" "), *words)


SECOND_HELD_OUT = [
    *read("second_held_out_of_ops.txt"),
    *read("second_held_out_of_functions.txt"),
]
