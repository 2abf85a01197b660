"""Time a training step against the same model in eager PyTorch, in alternating processes.

`python benchmarks/compare_torch.py --preset tiny --rounds 5`. Both sides start from the same
weights, see the same batch, and take a whole step: reset, forward, loss, backward, clip, AdamW.
Each process warms up and then reports its median step; a round is one process of either side.
The Python that runs it needs `capstone` and torch, as that of `tox run -e oracle` has.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SIDES = ("numpy", "torch")
WARM_UP_STEPS = 3
TESTS = Path(__file__).resolve().parent.parent / "tests"


def main() -> None:
    """Run the rounds and print the comparison."""
    options = parse()
    if options.side:
        print(time_steps(make_step(options), options.seconds))
        return
    medians: dict[str, list[float]] = {side: [] for side in SIDES}
    for round_ in range(options.rounds):
        order = SIDES if round_ % 2 == 0 else SIDES[::-1]
        for side in order:
            medians[side].append(run_process(side, options))
    print(summary(medians, options))


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=("tiny", "small", "medium"), default="tiny")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of steps in each process")
    parser.add_argument("--numpy-threads", type=int, default=2, help="of NumPy's BLAS")
    parser.add_argument("--torch-threads", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="time this side here, once")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be positive: expected >= 1, got {options.rounds}")
    return options


def run_process(side: str, options: argparse.Namespace) -> float:
    """Seconds of a step of one side, in a process of its own."""
    threads = options.numpy_threads if side == "numpy" else options.torch_threads
    command = [sys.executable, *sys.argv, "--side", side]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    environment["OPENBLAS_NUM_THREADS"] = str(threads)
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(result.stdout)


def make_step(options: argparse.Namespace) -> Callable[[], object]:
    """A training step of the side that this process times."""
    sys.path.insert(0, str(TESTS))
    import numpy as np
    from sizes import MODEL_SIZES
    from training import make_numpy_step

    from capstone.model import ModelConfig, TrainableTransformer

    (case,) = (case for case in MODEL_SIZES if case.variant == options.preset)
    model = TrainableTransformer(ModelConfig(**case.options))
    (tokens,) = case.inputs()
    targets = np.roll(tokens, -1)
    if options.side == "numpy":
        return make_numpy_step(model, tokens, targets)
    from training_torch import make_torch_step

    return make_torch_step(model, tokens, targets, threads=options.torch_threads)


def time_steps(step: Callable[[], object], seconds: float) -> float:
    """The median duration of the steps that fit into `seconds`, three at least."""
    for _ in range(WARM_UP_STEPS):
        step()
    durations: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(durations) < 3:
        start = time.perf_counter()
        step()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def summary(medians: dict[str, list[float]], options: argparse.Namespace) -> str:
    """A line a side, and their ratio."""
    lines = [f"{options.preset}: {options.rounds} rounds of {options.seconds:g} s a side"]
    for side, seconds in medians.items():
        median, low, high = (1e3 * f(seconds) for f in (statistics.median, min, max))
        lines.append(f"  {side:<6} {median:8.2f} ms a step   ({low:.2f} to {high:.2f})")
    ratios = [ours / theirs for ours, theirs in zip(*medians.values(), strict=True)]
    ratio, low, high = (f(ratios) for f in (statistics.median, min, max))
    lines.append(f"  numpy / torch {ratio:.2f}   ({low:.2f} to {high:.2f})")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
