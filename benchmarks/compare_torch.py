"""Time our model beside the same one in PyTorch, eager and compiled: training and generation.

    python benchmarks/compare_torch.py [--preset tiny small] [--rounds 7] [--parts step]

All sides start from the same weights and see the same batch. In each round every side has a process
of its own, which warms up and then reports its medians; the order is another one in every round.
The peak is that of the machine's own matrix product, measured in each round as well. The Python
that runs it needs `capstone` with its extra `train`, and torch: `tox run -e compare` has both.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from sides import GENERATED, PEAK, SIDES, TRAINING_PARTS

from capstone.presets import BATCH_SIZES, PRESETS, preset

VOCABULARY = 65  # as in the sizes of the benchmarks
PARTS = (*TRAINING_PARTS, "generation")
WITHOUT_CACHE = "no cache"
GENERATING = ("tiny", "small")  # the presets that generate
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
HEADER = (
    *("preset", "part", "unit", *SIDES),
    *(f"{side} / numpy" for side in SIDES[1:]),
    f"of peak: {', '.join(SIDES)}",
)
Round = dict[str, dict[str, float]]  # by side and part: seconds; of the peak: operations a second


def main() -> None:
    """Run the rounds of every preset and print the table."""
    options = parse()
    failures: dict[str, str] = {}
    rows, peaks = [HEADER], []
    for name in options.preset:
        rounds = []
        for number in range(options.rounds):
            print(f"{name}: round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append(run_round(number, name, options, failures))
        rows += [row_of(name, part, rounds) for part in parts_of(name, options)]
        peaks += [round_[PEAK][PEAK] / 1e9 for round_ in rounds]
    print(
        f"{options.rounds} rounds of {options.seconds:g} s a part and side, {options.threads} "
        f"threads, float32; peak {spread(peaks, '.0f')} GFLOP/s.\nMedians; ratios are of times, "
        "median (low to high) over the rounds: above 1, NumPy is the faster.\n"
    )
    print(aligned(rows))
    for side, failure in failures.items():
        print(f"\n{side}: failed: {failure}")


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", choices=tuple(PRESETS), nargs="+", default=list(PRESETS))
    parser.add_argument("--rounds", type=int, default=7, help="(default: 7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each part (default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="of every side (default: 2)")
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    options = parser.parse_args()
    for name in ("rounds", "threads"):
        value = getattr(options, name)
        if value < 1:
            parser.error(f"--{name} must be positive: expected >= 1, got {value}")
    if not 0 < options.seconds < math.inf:
        parser.error(f"--seconds must be positive: expected > 0, got {options.seconds:g}")
    options.preset = [
        name for name in PRESETS if name in options.preset and parts_of(name, options)
    ]
    if not options.preset:
        parser.error(f"generation is timed with other presets: expected {' or '.join(GENERATING)}")
    for module in ("torch", "threadpoolctl"):
        if find_spec(module) is None:
            parser.error(f"{module} must be installed; `tox run -e compare` has all that is needed")
    return options


def parts_of(name: str, options: argparse.Namespace) -> list[str]:
    """The rows of a preset."""
    parts = [part for part in TRAINING_PARTS if part in options.parts]
    if "generation" in options.parts and name in GENERATING:
        parts += ["generation", WITHOUT_CACHE]
    return parts


def run_round(
    number: int, name: str, options: argparse.Namespace, failures: dict[str, str]
) -> Round:
    """What each side reports; one that has failed is left out from then on."""
    parts, sides = parts_of(name, options), [PEAK, *SIDES]
    if not set(parts) & set(TRAINING_PARTS):
        sides.remove("compile")  # generates nothing
    start = number % len(sides)
    round_: Round = {}
    for side in sides[start:] + sides[:start]:
        reported = {} if side in failures else run_process(side, name, parts, options)
        if "failure" in reported:
            failures[side] = str(reported.pop("failure"))
        round_[side] = reported
    return round_


def run_process(
    side: str, name: str, parts: list[str], options: argparse.Namespace
) -> dict[str, float]:
    """The numbers of one side, from a new process."""
    job = {"side": side, "preset": name, "parts": parts}
    job |= {"seconds": options.seconds, "threads": options.threads}
    command = [sys.executable, str(Path(__file__).with_name("sides.py")), json.dumps(job)]
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the process of {side} at {name} ended with status {done.returncode}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def row_of(name: str, part: str, rounds: list[Round]) -> tuple[str, ...]:
    """The cells of one part of a preset."""
    is_training = part in TRAINING_PARTS
    columns = {side: [r[side][part] for r in rounds if part in r.get(side, {})] for side in SIDES}
    medians = []
    for values in columns.values():
        shown = [1e3 * value if is_training else GENERATED / value for value in values]
        medians.append(f"{statistics.median(shown):.{1 if is_training else 0}f}" if values else "-")
    ours = columns[SIDES[0]]
    ratios = [
        spread((theirs / mine for theirs, mine in zip(columns[side], ours, strict=False)), ".2f")
        for side in SIDES[1:]
    ]
    peak = shares_of_peak(name, part, rounds) if part in ("gradients", "step") else "-"
    return (name, part, "ms" if is_training else "tokens/s", *medians, *ratios, peak)


def shares_of_peak(name: str, part: str, rounds: list[Round]) -> str:
    """Which part of the peak of its own round each side reaches, medians."""
    operations, shares = count_operations(name), []
    for side in SIDES:
        reached = [
            operations / round_[side][part] / round_[PEAK][PEAK]
            for round_ in rounds
            if part in round_[side]
        ]
        shares.append(f"{statistics.median(reached):.0%}" if reached else "-")
    return "  ".join(shares)


def count_operations(name: str) -> float:
    """Floating-point operations of the matrix products in the gradients of one batch.

    Every weight of a matrix takes part in three products of each token, one forward and two
    backward, and so do the two of attention. Hidden scores count as if they were computed.
    """
    c = preset(name, vocab_size=VOCABULARY)
    B, T, D = BATCH_SIZES[name], c.seq_len, c.d_model
    weights = c.n_layers * (4 * D * D + 3 * D * c.d_ff) + c.vocab_size * D  # the last: the head
    return 6.0 * B * T * weights + 12.0 * c.n_layers * B * T * T * D


def spread(values: Iterable[float], form: str) -> str:
    """Median (low to high)."""
    found = list(values)
    if not found:
        return "-"
    median, low, high = (format(f(found), form) for f in (statistics.median, min, max))
    return f"{median} ({low} to {high})"


def aligned(rows: list[tuple[str, ...]]) -> str:
    """The rows as lines of equally wide columns, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = range(3, 3 + len(SIDES))
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    main()
