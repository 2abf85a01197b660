"""How time and memory of a training step grow with context, width, layers and batch size.

    python benchmarks/growth.py [--rows context width] [--rounds 7] [--out growth.svg]

One size grows, all others stay as in the preset `tiny`; a wider model has more heads, not wider
ones. A step is forward, loss and backward, in float32, one shard and one thread of BLAS; its time
is that of the processor, its memory the most that NumPy holds at once beside parameters, gradients
and batch. In every round each row has a process of its own, which goes through the sizes upwards or
downwards in turn. A power law is fitted to the medians, and in the same way to the operations and
the saved values as counted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from growth_counts import ROWS, count_operations, count_saved_bytes, point
from power_law import PowerLaw, fit_larger_half, fit_power_law

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FORMATS = (".svg", ".png")
HEADER = ("grows", "of", "all sizes", "counted", "larger half", "counted")


class Growth(NamedTuple):
    """What was measured and counted of one quantity along one row."""

    row: str
    quantity: str
    measured: list[float]  # seconds or bytes, by size
    counted: list[int]  # operations or bytes, by size

    @property
    def sizes(self) -> tuple[int, ...]:
        """Those of the row."""
        return ROWS[self.row].sizes

    def fits(self) -> tuple[PowerLaw, PowerLaw, PowerLaw, PowerLaw]:
        """Measured and counted over all sizes, then over the larger half of them."""
        whole = [fit_power_law(self.sizes, values) for values in (self.measured, self.counted)]
        half = [fit_larger_half(self.sizes, values) for values in (self.measured, self.counted)]
        return (*whole, *half)  # type: ignore[return-value]


def main() -> None:
    """Measure, print the tables, and draw."""
    options = parse()
    growths = measure(options.rows, options.rounds)
    print(f"Times are medians of {options.rounds} rounds; GFLOP/s and MB saved are as counted.\n")
    print(aligned(point_lines(growths)))
    print("\nExponents of power laws, with standard errors, beside those of the counted values.\n")
    print(aligned([HEADER, *map(exponent_line, growths)]))
    if options.out is not None:
        from growth_drawing import draw

        draw(growths, options.out)


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", choices=tuple(ROWS), nargs="+", default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=7, help="(default: 7)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="draw into this .svg or .png")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be positive: expected >= 1, got {options.rounds}")
    options.rows = [row for row in ROWS if row in options.rows]
    if options.out is not None:
        check_out(parser, options.out)
    return options


def check_out(parser: argparse.ArgumentParser, out: Path) -> None:
    """A drawing that cannot be made is refused before anything is measured."""
    if out.suffix not in FORMATS:
        rule = "--out must name a kind of picture"
        parser.error(f"{rule}: expected a name in {' or '.join(FORMATS)}, got {out}")
    if not out.parent.is_dir():
        parser.error(f"--out must be in a folder that exists: expected one, got {out.parent}")
    if out.is_dir():
        parser.error(f"--out must be a file: expected one, got the folder {out}")
    is_new = not out.exists()
    try:
        out.open("ab").close()
    except OSError as error:
        parser.error(f"--out must be writable: expected a file, got {error.strerror} at {out}")
    if is_new:
        out.unlink()
    if find_spec("matplotlib") is None:
        parser.error('--out needs matplotlib: pip install ".[train]"')


def measure(rows: list[str], rounds: int) -> list[Growth]:
    """All rows, time before memory."""
    found: dict[str, list[list[float]]] = {row: [] for row in rows}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for row in rows:
            found[row].append(run_process(row, "time", is_reversed=number % 2 == 1))
    growths = []
    for row in rows:
        configs = [point(row, size) for size in ROWS[row].sizes]
        seconds = [statistics.median(column) for column in zip(*found[row], strict=True)]
        growths.append(Growth(row, "time", seconds, [count_operations(*c) for c in configs]))
        peaks = run_process(row, "memory", is_reversed=False)
        growths.append(Growth(row, "memory", peaks, [count_saved_bytes(*c) for c in configs]))
    return growths


def run_process(row: str, quantity: str, *, is_reversed: bool) -> list[float]:
    """The points of a row in the order of its sizes, measured in a new process in this order."""
    order = -1 if is_reversed else 1
    job = {"row": row, "quantity": quantity, "sizes": ROWS[row].sizes[::order]}
    command = [sys.executable, str(Path(__file__).with_name("growth_points.py")), json.dumps(job)]
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the process of {row} and {quantity} ended with status {done.returncode}")
    measured: list[float] = json.loads(done.stdout)
    return measured[::order]


def point_lines(growths: list[Growth]) -> list[tuple[str, ...]]:
    """The sizes of every row, and under them what was measured and what was counted."""
    lines: list[tuple[str, ...]] = []
    for growth in growths:
        pairs = list(zip(growth.measured, growth.counted, strict=True))
        if growth.quantity == "time":
            lines.append((growth.row, ROWS[growth.row].symbol, *map(str, growth.sizes)))
            lines.append(("", "ms", *(f"{1e3 * seconds:.1f}" for seconds, _ in pairs)))
            lines.append(("", "GFLOP/s", *(f"{n / seconds / 1e9:.0f}" for seconds, n in pairs)))
        else:
            lines.append(("", "MB", *(f"{peak / 1e6:.1f}" for peak, _ in pairs)))
            lines.append(("", "MB saved", *(f"{saved / 1e6:.1f}" for _, saved in pairs)))
    return lines


def exponent_line(growth: Growth) -> tuple[str, ...]:
    """The exponents of one quantity along one row."""
    whole, counted, half, counted_half = growth.fits()
    cells = (form(whole), f"{counted.exponent:.2f}", form(half), f"{counted_half.exponent:.2f}")
    return (growth.quantity, f"{growth.row} {ROWS[growth.row].symbol}", *cells)


def form(law: PowerLaw) -> str:
    """An exponent with its standard error."""
    return f"{law.exponent:.2f} ± {law.error:.2f}"


def aligned(lines: list[tuple[str, ...]]) -> str:
    """The lines in columns, words to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = []
    for line in lines:
        cells = zip(line, widths, strict=True)
        words = [cell.ljust(width) for cell, width in list(cells)[:2]]
        numbers = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        shown.append("  ".join([*words, *numbers]))
    return "\n".join(shown)


if __name__ == "__main__":
    main()
