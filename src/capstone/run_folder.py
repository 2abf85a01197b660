"""The folder of a training run: options, measurements, checkpoints, a picture."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from capstone._checks import fail
from capstone.checkpoint import load_checkpoint, load_parameters, save_checkpoint
from capstone.config import RunConfig
from capstone.data import CharTokenizer
from capstone.errors import CheckpointError, ConfigError, UsageError
from capstone.model import ModelConfig, TrainableTransformer

CONFIG, LAST, BEST = "config.toml", "last.npz", "best.npz"


class RunFolder:
    """Creates a run's folder and writes its files.

    Args:
        path: the folder; must not exist, or be empty.

    Raises:
        ConfigError: the folder has content, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _writing(path):
            path.mkdir(parents=True, exist_ok=True)
            is_empty = not any(path.iterdir())
            if is_empty:
                (path / CONFIG).touch(exist_ok=False)  # the folder is taken from now on
        if not is_empty:
            rule = "a run never overwrites another"
            mend = "choose another --out"
            got = f"'{path}', which has content"
            fail("run folder", rule, expected="a new folder", got=got, mend=mend, error=ConfigError)

    def write_config(self, config: RunConfig) -> None:
        """`config.toml`, which `--config` reads back."""
        path = self.path / CONFIG
        with _writing(path):  # a file name that is no Unicode must not end the run
            path.write_text(config.to_toml(), encoding="utf-8", errors="backslashreplace")

    def append_metrics(self, metrics: Mapping[str, float]) -> None:
        """One line of `metrics.jsonl`."""
        path = self.path / "metrics.jsonl"
        with _writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def save(self, name: str, model: TrainableTransformer, facts: Mapping[str, Any]) -> None:
        """A checkpoint of the model with all that generation needs."""
        arrays = {key: parameter.data for key, parameter in model.named_parameters()}
        save_checkpoint(self.path / name, arrays, {"model": asdict(model.config), **facts})

    def draw(self, history: list[dict[str, float]]) -> bool:
        """`loss.png`: training and validation loss over steps; False without matplotlib."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return False
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        steps = [metrics["step"] for metrics in history]
        for key, words in (("train_loss", "training"), ("val_loss", "validation")):
            axes.plot(steps, [metrics[key] for metrics in history], marker=".", label=words)
        axes.set(xlabel="step", ylabel="loss (nats per token)")
        axes.set_xlim(0, 1.03 * steps[-1])
        axes.grid(alpha=0.3)
        axes.legend()
        with _writing(self.path / "loss.png"):
            figure.savefig(self.path / "loss.png", dpi=120)
        return True


class NoFolder:
    """Takes what a `RunFolder` takes and writes nothing: for a process that is not the first."""

    def write_config(self, config: RunConfig) -> None:
        """Nothing."""

    def append_metrics(self, metrics: Mapping[str, float]) -> None:
        """Nothing."""

    def save(self, name: str, model: TrainableTransformer, facts: Mapping[str, Any]) -> None:
        """Nothing."""

    def draw(self, history: list[dict[str, float]]) -> bool:
        """Nothing, and nobody misses it."""
        return True


def free_folder(root: Path, name: str) -> Path:
    """`root/name`, or the first of `root/name-2`, `root/name-3`, ... that does not exist."""
    path, number = root / name, 1
    while path.exists():
        number += 1
        path = root / f"{name}-{number}"
    return path


def load_run(path: str | os.PathLike[str]) -> tuple[TrainableTransformer, CharTokenizer]:
    """The model and the tokenizer of a run: its best checkpoint, or the file that is named.

    Args:
        path: a run's folder, or one of its checkpoints.

    Raises:
        CheckpointError: there is none, or it is damaged, or of another shape or version.
    """
    file = Path(path)
    if file.is_dir():
        file = file / (BEST if (file / BEST).exists() else LAST)
    arrays, metadata = load_checkpoint(file)
    try:
        config = ModelConfig(**metadata["model"])
        tokenizer = CharTokenizer(metadata["characters"])
    except (KeyError, TypeError, UsageError) as error:
        rule = f"'{file}' must describe a model"
        expected, got = "its sizes and its characters", f"{type(error).__name__}: {error}"
        fail("load_run", rule, expected=expected, got=got, error=CheckpointError)
    if config.vocab_size != tokenizer.vocab_size:
        rule = f"'{file}' must hold a character for every token"
        expected, got = f"{config.vocab_size} characters", f"{tokenizer.vocab_size}"
        fail("load_run", rule, expected=expected, got=got, error=CheckpointError)
    dtype = np.result_type(np.float32, *{array.dtype for array in arrays.values()})
    model = TrainableTransformer(config, dtype=dtype)
    load_parameters(model.named_parameters(), arrays)
    return model, tokenizer


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """An `OSError` inside becomes the one line that says what cannot be written."""
    try:
        yield
    except OSError as error:
        rule, got = "the run's folder must be writable", f"{error.strerror} at '{path}'"
        expected = "a folder that can be made"
        fail("run folder", rule, expected=expected, got=got, error=ConfigError)
