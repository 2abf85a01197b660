"""Time a whole training run beside the same one in eager PyTorch: steps and evaluations.

    python benchmarks/compare_run.py --text-file tinyshakespeare.txt [--rounds 3] [--max-steps 2000]

Both sides start from the same weights, see the same batches in the same order, and have the same
schedule, clipping and optimizer; both go through the whole validation split at every evaluation.
Ours also writes its checkpoints, its picture and a sample then, as `capstone train` does. In
each round every side has a process of its own, and the order changes. The Python that runs it needs
`capstone` with its extra `train`, and torch, as in the environment of `tox run -e compare`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from compare_torch import THREAD_VARIABLES, spread

from capstone.config import RunConfig
from capstone.errors import CapstoneError
from capstone.train import TrainingRun

SIDES = ("numpy", "torch")
TESTS = Path(__file__).resolve().parent.parent / "tests"


def main() -> None:
    """Run the rounds and print what they took."""
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(run_side(json.loads(sys.argv[1]))))
        return
    options = parse()
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES[:: -1 if number % 2 else 1]:
            print(f"round {number + 1} of {options.rounds}: {side}", file=sys.stderr)
            found[side].append(run_process(side, options))
    for side, runs in found.items():
        seconds = [run["seconds"] for run in runs]
        loss = statistics.median(run["val_loss"] for run in runs)
        print(f"{side:<6} {spread(seconds, '.1f')} s, validation loss {loss:.4f}")
    pairs = zip(found["torch"], found["numpy"], strict=True)
    ratio = spread((theirs["seconds"] / ours["seconds"] for theirs, ours in pairs), ".2f")
    print(f"torch / numpy {ratio}, median (low to high) over {options.rounds} rounds")


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--text-file", help="what to learn (default: the embedded Hamlet)")
    parser.add_argument("--preset", default="tiny", help="(default: tiny)")
    parser.add_argument("--max-steps", type=int, default=2000, help="(default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="of both sides (default: 2)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be positive: expected >= 1, got {options.rounds}")
    if find_spec("torch") is None:
        parser.error("torch must be installed; `tox run -e compare` has all that is needed")
    try:
        TrainingRun(RunConfig(**config_of(options)))
    except CapstoneError as error:
        parser.error(str(error))
    return options


def config_of(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of `RunConfig` that the command line decides."""
    names = ("text_file", "preset", "max_steps", "threads")
    return {name: getattr(options, name) for name in names}


def run_process(side: str, options: argparse.Namespace) -> dict[str, float]:
    """What one side reports, from a new process."""
    job = json.dumps({"side": side, "config": config_of(options)})
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads))}
    command = [sys.executable, __file__, job]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the process of {side} ended with status {done.returncode}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def run_side(job: dict[str, Any]) -> dict[str, float]:
    """Train once; seconds without imports and the reading of the text, and the last loss."""
    sys.path.insert(0, str(TESTS))
    run = TrainingRun(RunConfig(**job["config"]))
    train = train_numpy if job["side"] == "numpy" else train_torch
    start = time.perf_counter()
    val_loss = train(run)
    return {"seconds": time.perf_counter() - start, "val_loss": val_loss}


def train_numpy(run: TrainingRun) -> float:
    """As `capstone train` does, without its display."""
    from capstone.cli.display import SilentDisplay
    from capstone.run_folder import RunFolder

    with tempfile.TemporaryDirectory() as folder:
        run.run(RunFolder(Path(folder) / "run"), SilentDisplay())
    return run.history[-1]["val_loss"]


def train_torch(run: TrainingRun) -> float:
    """The same steps and evaluations in eager PyTorch."""
    from training_torch import train_as

    return train_as(run)


if __name__ == "__main__":
    main()
