"""What the choice of inputs is worth: planted bugs found with usual inputs and with designed ones.

    python benchmarks/compare_inputs.py

The same `check` runs on both. Usual inputs are a batch of 1, axes of one length, gains of 1, biases
of 0, ids in order, options that do nothing, an upstream gradient of ones. The bugs are those of
`tests/gradcheck` that change numbers. For a bug that usual inputs hide, the habits are listed that
hide it (it is found without one of them), and whether `lint` names one.
"""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from capstone.gradcheck import Op
from gradcheck.mutants_of_attention import MUTANTS_OF_ATTENTION
from gradcheck.mutants_of_loss import MUTANTS_OF_LOSS
from gradcheck.mutants_of_ops import MUTANTS_OF_OPS
from gradcheck.planting import plant
from unit.gradcheck.inputs.habits import HABITS, RECIPES, Habits, inputs_for, op_of, warned_of

MUTANTS = [
    mutant
    for mutant in (*MUTANTS_OF_OPS, *MUTANTS_OF_ATTENTION, *MUTANTS_OF_LOSS)
    if not mutant.rule and "V1031" not in mutant.case  # another path, of large tables
]


def planted_by_hand(name: str) -> Iterator[tuple[str, Op]]:
    """The ops with a bug of `tests/gradcheck`, each with the name of the bug."""
    for mutant in MUTANTS:
        if mutant.target.endswith(f":{name}_bwd"):
            with pytest.MonkeyPatch.context() as patch:
                plant(mutant, patch)
                yield mutant.id, op_of(name)


def main() -> None:
    """Print one line an op, and one a bug that usual inputs hide."""
    warnings.simplefilter("ignore")  # of planted bugs, which divide by nothing and the like
    hidden = []
    columns = "{:24}{:>9}{:>9}{:>10}{:>22}"
    print(columns.format("op", "planted", "usual", "designed", "hidden, lint says why"))
    totals = [0] * 4
    for name in RECIPES:
        habits, counts = Habits(name), [0] * 4
        warned = warned_of(inputs_for(name, tuple(HABITS)).lint())
        for bug, op in planted_by_hand(name):
            is_found = habits.finds(op, tuple(HABITS))
            reasons = [] if is_found else habits.reasons(op)
            says_why = bool(warned & set(reasons))
            counts = [
                c + n
                for c, n in zip(counts, (1, is_found, habits.finds(op), says_why), strict=True)
            ]
            hidden += [] if is_found else [(bug, reasons, says_why)]
        totals = [t + c for t, c in zip(totals, counts, strict=True)]
        print(
            columns.format(name, *counts[:3], f"{counts[3]} of {counts[0] - counts[1]}"), flush=True
        )
    print(columns.format("all", *totals[:3], f"{totals[3]} of {totals[0] - totals[1]}"))
    print("\nhidden by usual inputs, and by which habits:")
    for bug, reasons, says_why in hidden:
        print(f"  {bug}: {', '.join(reasons)}" + ("" if says_why else "  (lint does not say so)"))


if __name__ == "__main__":
    main()
