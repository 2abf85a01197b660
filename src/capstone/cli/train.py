"""Train a transformer on a text: the embedded Hamlet, or a file of yours."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from capstone.cli.display import make_display
from capstone.config import DEFAULT_STEPS, DTYPES, RunConfig, read_config
from capstone.ops.attention import POSITIONS
from capstone.presets import PRESETS
from capstone.run_folder import LAST, RunFolder, free_folder
from capstone.train import TrainingRun

HELP = {
    "preset": f"{', '.join(PRESETS)} (default tiny)",
    "text_file": "UTF-8 text to learn from (default: the embedded Hamlet)",
    "seq_len": "context in characters",
    "d_model": "width of the model",
    "n_layers": "number of blocks",
    "n_heads": "number of attention heads",
    "d_ff": "width inside the feed-forward network",
    "positions": f"{' or '.join(POSITIONS)} (default rope)",
    "tied": "whether the head shares the embedding's table (default on)",
    "batch_size": "windows a step",
    "max_steps": f"length of the run (default {DEFAULT_STEPS}, or as long as --epochs)",
    "epochs": "passes over the text instead of random windows",
    "lr": "learning rate at the peak",
    "min_lr": "learning rate at the end (default: a tenth of --lr)",
    "warmup_steps": "steps up to the peak",
    "weight_decay": "of matrices",
    "max_grad_norm": "gradients of a larger norm are scaled down to it",
    "eval_every": "steps between evaluations",
    "seed": "of weights, batches and samples",
    "dtype": " or ".join(DTYPES),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for every field of `RunConfig`, and where the run goes."""
    for field in fields(RunConfig):
        flag = "--" + field.name.replace("_", "-")
        shown = f" (default {field.default})" if isinstance(field.default, float) else ""
        kind: dict[str, Any] = {
            "type": type(field.default),
            "metavar": type(field.default).__name__.upper(),
        }
        if isinstance(field.default, bool):
            kind = {"action": argparse.BooleanOptionalAction}
        parser.add_argument(
            flag, dest=field.name, default=None, help=HELP[field.name] + shown, **kind
        )
    parser.add_argument("--config", metavar="FILE", help="TOML with any of these options")
    parser.add_argument(
        "--out", metavar="DIR", help="the run's folder (default: a new one in runs/)"
    )


def run(options: argparse.Namespace) -> int:
    """Train; options on the command line win over those of `--config`."""
    chosen = read_config(options.config) if options.config else {}
    for field in fields(RunConfig):
        value = getattr(options, field.name)
        if value is not None:
            chosen[field.name] = value
    config = RunConfig(**chosen)
    training = TrainingRun(config)
    folder = RunFolder(_folder(options.out, config))
    display = make_display(folder.path)
    try:
        training.run(folder, display)
    except KeyboardInterrupt:
        where = folder.path / LAST
        print(f"interrupted at step {training.steps_done}; {where} holds it", file=sys.stderr)
        raise
    return 0


def _folder(out: str | None, config: RunConfig) -> Path:
    if out is not None:
        return Path(out)
    text = Path(config.text_file).stem if config.text_file else "hamlet"
    return free_folder(Path("runs"), f"{text}-{config.preset}")
