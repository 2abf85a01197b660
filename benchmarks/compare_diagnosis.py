"""How often the diagnosis of a planted bug is the one that was expected of it.

    python benchmarks/compare_diagnosis.py

Checks the corpus of `tests/gradcheck/diagnosis_corpus.py`, where each bug has the kind of diagnosis
that it deserves and its culprits stated beforehand; prints a line a kind, and every miss.
"""

import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from gradcheck.diagnosis_corpus import CORPUS


def main() -> None:
    """Check everything and print the table."""
    warnings.simplefilter("ignore")  # of the planted bugs: means of empty batches and alike
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    blamed, misses = 0, []
    started = time.perf_counter()
    for planted in CORPUS:
        report = planted.report()
        wrong = {argument.name: argument for argument in report.arguments if not argument.is_right}
        blamed += set(wrong) == set(planted.culprits)
        found = wrong.get(planted.culprits[0])
        is_named = found is not None and found.kind == planted.kind
        total[planted.kind] += 1
        right[planted.kind] += is_named
        if found is not None and not is_named:
            misses.append(f"{planted.id}: expected {planted.kind}, said {found.diagnosis}")
    seconds = time.perf_counter() - started
    for kind in sorted(total):
        print(f"{kind:<13} {right[kind]:3d} / {total[kind]}")
    print(f"{'all':<13} {right.total():3d} / {len(CORPUS)}   {right.total() / len(CORPUS):.1%}")
    print(f"{'culprits':<13} {blamed:3d} / {len(CORPUS)}   in {seconds:.1f} s")
    print("\n".join(misses))


if __name__ == "__main__":
    main()
