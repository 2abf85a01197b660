"""Time a training step in threads of one process, and in several processes with MPI.

    python benchmarks/compare_ranks.py [--preset tiny] [--rounds 7] [--steps 20] [--ranks 1 2 4]

All sides start from the same weights and see the batch of the preset. In each round every side has
a job of its own, which warms up and then reports the median of its steps; the order is another one
in every round. The gradients of the first step are compared with those of one thread. The Python
that runs it needs `capstone` with its extras `train` and `mpi`, and an MPI with its mpiexec.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from capstone.presets import BATCH_SIZES, PRESETS

TESTS = Path(__file__).resolve().parent.parent / "tests"
SHARDS = (1, 2)
WARM_UP_STEPS = 3
HEADER = ("preset", "side", "step ms", "one thread / side", "deviation of gradients")
Side = tuple[int, int]  # processes, threads in each


def main() -> None:
    """Run the rounds of every preset and print the table."""
    options = parse()
    if options.job is not None:
        take_part(json.loads(options.job))
        return
    rows = [HEADER]
    for name in options.preset:
        rows += rows_of(name, options)
    print(
        f"{options.rounds} rounds of {options.steps} steps a side, float32, {os.cpu_count()} cores."
    )
    print("Medians; ratios of times are median (low to high) over the rounds: above 1, faster than")
    print("one thread. The deviation is the largest, relative to the largest entry.\n")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", choices=tuple(PRESETS), nargs="+", default=["tiny"])
    parser.add_argument("--rounds", type=int, default=7, help="(default: 7)")
    parser.add_argument("--steps", type=int, default=20, help="of each side (default: 20)")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4], help="(default: 1 2 4)")
    parser.add_argument("--job", help=argparse.SUPPRESS)  # what a process of a side does
    options = parser.parse_args()
    for name in ("rounds", "steps"):
        value = getattr(options, name)
        if value < 1:
            parser.error(f"--{name} must be positive: expected >= 1, got {value}")
    most = min(BATCH_SIZES[name] for name in options.preset)
    for count in options.ranks:
        if not 1 <= count <= most:
            parser.error(f"every rank needs a row of the batch: expected 1 to {most}, got {count}")
    if len({*options.ranks}) < len(options.ranks):
        parser.error(
            f"each number of ranks is timed once: expected no repeats, got {options.ranks}"
        )
    if find_spec("threadpoolctl") is None:
        parser.error('threadpoolctl must be installed: pip install ".[train]"')
    if find_spec("mpi4py") is None or find_launcher() is None:
        parser.error("mpi4py and mpiexec must be installed: `pip install mpi4py mpich` has both")
    return options


def find_launcher() -> str | None:
    """The mpiexec of this environment, or else of this machine."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which("mpiexec", path=path)


def rows_of(name: str, options: argparse.Namespace) -> list[tuple[str, ...]]:
    """The cells of one preset."""
    sides: list[Side] = [*((0, count) for count in SHARDS), *((n, 1) for n in options.ranks)]
    found: dict[Side, list[dict[str, float]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            print(f"{name}: round {number + 1} of {options.rounds}", file=sys.stderr)
            start = number % len(sides)
            for side in sides[start:] + sides[:start]:
                found[side].append(run_side(side, name, options.steps, Path(folder)))
        gradients = {side: np.load(Path(folder) / file_of(side)) for side in sides}
    base = [round_["seconds"] for round_ in found[sides[0]]]
    rows = []
    for side in sides:
        times = [round_["seconds"] for round_ in found[side]]
        ratios = spread(one / this for one, this in zip(base, times, strict=True))
        wanted = gradients[sides[0]]
        deviation = np.abs(gradients[side] - wanted).max() / np.abs(wanted).max()
        median = f"{1e3 * statistics.median(times):.1f}"
        rows.append((name, words_of(side), median, ratios, f"{deviation:.1e}"))
    return rows


def run_side(side: Side, name: str, steps: int, folder: Path) -> dict[str, float]:
    """What one side measures, from new processes."""
    processes, threads = side
    job = {"preset": name, "threads": threads, "steps": steps, "file": str(folder / file_of(side))}
    launcher = [str(find_launcher()), "-n", str(processes)] if processes else []
    command = [*launcher, sys.executable, __file__, "--job", json.dumps(job)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{words_of(side)} at {name} ended with status {done.returncode}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def take_part(job: dict[str, Any]) -> None:
    """Time the steps as a process of a side; the first one reports."""
    sys.path.insert(0, str(TESTS))
    from sides import batch_of
    from training import make_numpy_parts

    from capstone.mpi import find_job
    from capstone.ranks import Ranks
    from capstone.shards import Shards

    ranks_of_job = find_job()
    model, tokens, targets = batch_of(job["preset"])
    with Ranks(Shards(model, job["threads"]), ranks_of_job) as ranks:
        gradients, update = make_numpy_parts(model, ranks, tokens, targets)
        gradients()
        if ranks_of_job.is_first:
            np.save(job["file"], model.flat.grad)
        times = []
        for _ in range(WARM_UP_STEPS + job["steps"]):
            start = time.perf_counter()
            gradients()
            update()
            times.append(time.perf_counter() - start)
    if ranks_of_job.is_first:
        print(json.dumps({"seconds": statistics.median(times[WARM_UP_STEPS:])}))


def file_of(side: Side) -> str:
    """Where a side leaves its gradients."""
    return "{}-{}.npy".format(*side)


def words_of(side: Side) -> str:
    """The name of a side in the table."""
    processes, threads = side
    if processes:
        return f"{processes} rank{'s' * (processes > 1)}"
    return f"{threads} shard{'s' * (threads > 1)}"


def spread(values: Iterable[float]) -> str:
    """Median (low to high)."""
    found = list(values)
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


if __name__ == "__main__":
    main()
