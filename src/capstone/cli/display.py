"""What a training run shows: a progress bar on a terminal, plain lines elsewhere."""

import sys
from pathlib import Path
from typing import Any

from capstone.loss import compute_perplexity
from capstone.train import Display, TrainingRun


def make_display(path: Path) -> Display:
    """A progress bar if the output is a terminal and `rich` is installed, else plain lines."""
    if sys.stdout is not None and sys.stdout.isatty():  # None: started with a closed output
        try:
            return ProgressDisplay(path)
        except ImportError:
            pass
    return PlainDisplay(path)


class SilentDisplay:
    """Nothing: for a process that is not the first of its job."""

    def start(self, run: TrainingRun) -> None:
        """Nothing."""

    def step(self, run: TrainingRun, loss: float) -> None:
        """Nothing."""

    def evaluation(self, run: TrainingRun, metrics: dict[str, float], sample: str) -> None:
        """Nothing."""

    def finish(self, run: TrainingRun) -> None:
        """Nothing."""


class PlainDisplay:
    """Plain lines: for files, pipes, and where `rich` is missing.

    Args:
        path: the run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str = "") -> None:
        """One line, at once."""
        print(text, flush=True)

    def start(self, run: TrainingRun) -> None:
        """What is about to be trained, on what, and where it goes."""
        model, config = run.model.config, run.config
        self.write(
            f"{run.model.count_parameters():,} parameters: {model.n_layers} layers, "
            f"{model.n_heads} heads, width {model.d_model}, positions {model.positions}, "
            f"{'tied' if model.tied else 'untied'} head"
        )
        self.write(
            f"{config.text_file or 'Hamlet'}: {len(run.train_ids):,} characters to train on, "
            f"{len(run.validation_ids):,} to validate on, {model.vocab_size} different"
        )
        batch = f"{config.batch_size} x {run.seq_len} characters"
        where = "" if run.job.size == 1 else f" in {run.job.size} processes"
        self.write(f"{run.total_steps:,} steps of {batch} in {config.dtype}{where}")
        self.write(f"everything goes to {self.path}")
        self.write()

    def step(self, run: TrainingRun, loss: float) -> None:
        """Plain lines speak at evaluations only."""

    def evaluation(self, run: TrainingRun, metrics: dict[str, float], sample: str) -> None:
        """The figures of one evaluation, and what the model writes by now."""
        train, validation = metrics["train_loss"], metrics["val_loss"]
        self.write(
            f"step {run.steps_done}/{run.total_steps}   "
            f"grad norm {metrics['grad_norm']:.2f}   lr {metrics['lr']:.1e}   "
            f"{metrics['tokens_per_second']:,.0f} tokens/s   {clock(run.seconds_left)} left"
        )
        self.write(
            f"    train {train:.4f} (perplexity {compute_perplexity(train):.2f})   "
            f"validation {validation:.4f} (perplexity {compute_perplexity(validation):.2f})"
        )
        for line in sample.strip("\n").splitlines():
            self.write(f"    | {line}")
        self.write()

    def finish(self, run: TrainingRun) -> None:
        """How it went, and what is missing in the folder."""
        if run.history:
            done = f"{run.steps_done:,} steps in {clock(run.seconds)}"
            self.write(f"{done}, best validation loss {run.best_loss:.4f}: {self.path}")
        if not run.has_picture:
            self.write("no loss.png: drawing it needs matplotlib (pip install matplotlib)")


class ProgressDisplay(PlainDisplay):
    """The same lines above a progress bar.

    Args:
        path: the run's folder.

    Raises:
        ImportError: `rich` is not installed.
    """

    def __init__(self, path: Path) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().__init__(path)
        words = TextColumn("{task.fields[words]}")
        bar = BarColumn(bar_width=None)  # what the words leave of the line
        self.progress = Progress(bar, MofNCompleteColumn(), words, expand=True)
        self.task: Any = None

    def write(self, text: str = "") -> None:
        """One line, above the bar while there is one."""
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def start(self, run: TrainingRun) -> None:
        """The header, then the bar."""
        super().start(run)
        self.progress.start()
        self.task = self.progress.add_task("", total=run.total_steps, words="")

    def step(self, run: TrainingRun, loss: float) -> None:
        """Move the bar."""
        rate, left = f"{run.tokens_per_second:,.0f} tokens/s", f"{clock(run.seconds_left)} left"
        words = f"loss {loss:.3f}  {rate}  {left}"
        self.progress.update(self.task, completed=run.steps_done, words=words)

    def finish(self, run: TrainingRun) -> None:
        """Leave the bar as it is and say where the results lie."""
        self.progress.stop()
        super().finish(run)


def clock(seconds: float) -> str:
    """Minutes and seconds, and hours if there are any: 75.2 becomes `1:15`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
