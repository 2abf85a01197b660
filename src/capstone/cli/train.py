"""Train a transformer on a text: the embedded Hamlet, or a file of yours."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from capstone.cli.display import PlainDisplay, SilentDisplay, make_display
from capstone.config import DEFAULT_STEPS, DTYPES, MODEL_KEYS, RunConfig, read_config, value_type
from capstone.job import Job
from capstone.mpi import find_job
from capstone.ops.attention import POSITIONS
from capstone.run_folder import LAST, NoFolder, RunFolder, free_folder
from capstone.train import Display, Folder, TrainingRun

METAVARS = {int: "N", float: "X", str: "NAME", bool: None}
HELP = {
    "preset": "model and batch size: tiny (0.8 M parameters), small (3 M) or medium (12 M)",
    "text_file": "UTF-8 text to learn from (default: the embedded Hamlet)",
    "seq_len": "context in characters (default: the preset's)",
    "d_model": "width of the model (default: the preset's)",
    "n_layers": "number of blocks (default: the preset's)",
    "n_heads": "number of attention heads (default: the preset's)",
    "d_ff": "width inside the feed-forward network (default: about 8/3 of --d-model)",
    "positions": " or ".join(POSITIONS),
    "tied": "whether the head shares the embedding's table (default: it does)",
    "batch_size": "windows a step (default: the preset's)",
    "max_steps": f"length of the run (default: {DEFAULT_STEPS}, or as long as --epochs)",
    "epochs": "passes over the text (default: random windows for --max-steps)",
    "lr": "learning rate at the peak",
    "min_lr": "learning rate at the end (default: a tenth of --lr)",
    "warmup_steps": "steps up to the peak",
    "weight_decay": "decay of the matrices, not of the gains",
    "max_grad_norm": "gradients of a larger norm are scaled down to it",
    "eval_every": "steps from one evaluation to the next",
    "seed": "of weights, batches and samples",
    "dtype": " or ".join(DTYPES),
    "threads": "parts of a batch at the same time (default: as many as there are cores)",
    "micro_batches": "pieces of each part one after another, for less memory",
    "recompute": "blocks keep their input alone and run forward again, for less memory "
    "(default: they do not)",
}
FOLLOWERS = {
    "preset": (*MODEL_KEYS, "batch_size"),
    "d_model": ("d_ff",),
    "epochs": ("max_steps", "warmup_steps"),
    "max_steps": ("warmup_steps",),
    "lr": ("min_lr",),
}
"""An option of the command line also displaces these of the file, which came from its old value."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for every field of `RunConfig`, and where the run goes."""
    for field in fields(RunConfig):
        flag = "--" + field.name.replace("_", "-")
        kind = value_type(field)
        how: dict[str, Any] = {"type": kind, "metavar": METAVARS[kind]}
        if kind is bool:
            how = {"action": argparse.BooleanOptionalAction}
        has_default = kind is not bool and field.default is not None
        shown = f" (default: {field.default})" if has_default else ""
        parser.add_argument(flag, default=None, help=HELP[field.name] + shown, **how)
    parser.add_argument(
        "--config", metavar="FILE", help="TOML with any of these options; the command line wins"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the run's folder (default: a new one in runs/)"
    )


def run(options: argparse.Namespace) -> int:
    """Train; options on the command line win over those of `--config`."""
    job = find_job()
    job.run(lambda: _train(options, job))
    return 0


def _train(options: argparse.Namespace, job: Job) -> None:
    config = _choose(options)
    training = TrainingRun(config, job)
    made = job.first(lambda: RunFolder(_folder(options.out, config)))
    try:
        training.run(*_outlets(made, job))
    except KeyboardInterrupt:
        done = f"interrupted after {training.steps_done} steps"
        raise KeyboardInterrupt(f"{done}; the model is in {made.path / LAST}") from None


def _outlets(folder: RunFolder, job: Job) -> tuple[Folder, Display]:
    """Of several processes, one writes and speaks: in lines, which is what `mpiexec` passes on."""
    if job.size == 1:
        return folder, make_display(folder.path)
    return (folder, PlainDisplay(folder.path)) if job.is_first else (NoFolder(), SilentDisplay())


def _choose(options: argparse.Namespace) -> RunConfig:
    filed = {} if options.config is None else read_config(options.config)
    RunConfig(**filed)  # nothing on the command line excuses a mistake in the file
    named = {field.name: getattr(options, field.name) for field in fields(RunConfig)}
    typed = {name: value for name, value in named.items() if value is not None}
    displaced = {follower for name in typed for follower in FOLLOWERS.get(name, ())}
    kept = {name: value for name, value in filed.items() if name not in displaced}
    return RunConfig(**{**kept, **typed})


def _folder(out: str | None, config: RunConfig) -> Path:
    if out is not None:
        return Path(out)
    text = Path(config.text_file).stem if config.text_file else "hamlet"
    return free_folder(Path("runs"), f"{text}-{config.preset}")
