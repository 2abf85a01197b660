"""What a training run shows: a progress bar on a terminal, plain lines elsewhere."""

import sys
from pathlib import Path
from typing import Any

from capstone.loss import compute_perplexity
from capstone.train import Display, TrainingRun


def make_display(path: Path) -> Display:
    """A progress bar if the output is a terminal and `rich` is installed, else plain lines."""
    if sys.stdout.isatty():
        try:
            return ProgressDisplay(path)
        except ImportError:
            pass
    return PlainDisplay(path)


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
        text = config.text_file or "Hamlet (embedded)"
        self.write(
            f"{run.model.count_parameters():,} parameters: {model.n_layers} layers, "
            f"{model.n_heads} heads, width {model.d_model}, positions {model.positions}, "
            f"{'tied' if model.tied else 'untied'} head, {config.dtype}"
        )
        self.write(
            f"{text}: {len(run.train_ids):,} training and {len(run.validation_ids):,} validation "
            f"characters, {model.vocab_size} different ones"
        )
        batch = f"{run.sizes['batch_size']} x {run.seq_len} characters"
        self.write(f"{run.total_steps:,} steps of {batch}; everything goes to {self.path}")
        self.write()

    def step(self, run: TrainingRun, loss: float) -> None:
        """Plain lines speak at evaluations only."""

    def evaluation(self, run: TrainingRun, metrics: dict[str, float], sample: str) -> None:
        """The figures of one evaluation, and what the model writes by now."""
        train, validation = metrics["train_loss"], metrics["val_loss"]
        self.write(
            f"step {run.steps_done:>5}/{run.total_steps}   "
            f"train {train:.4f} (perplexity {compute_perplexity(train):.2f})   "
            f"validation {validation:.4f} (perplexity {compute_perplexity(validation):.2f})   "
            f"grad norm {metrics['grad_norm']:.2f}   lr {metrics['lr']:.1e}   "
            f"{metrics['tokens_per_second']:,.0f} tokens/s   {clock(run.seconds_left)} left"
        )
        for line in sample.strip("\n").splitlines():
            self.write(f"    | {line}")
        self.write()

    def finish(self, run: TrainingRun) -> None:
        """Where the results lie."""
        if run.history:
            best = f"best validation loss {run.best_loss:.4f}"
            self.write(
                f"{best} after {run.steps_done:,} steps in {clock(run.seconds)}: {self.path}"
            )


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
        words = TextColumn("loss {task.fields[loss]:.3f}  {task.fields[rate]:,.0f} tokens/s")
        left = TextColumn("{task.fields[left]} left")
        self.progress = Progress(BarColumn(), MofNCompleteColumn(), words, left)
        self.task: Any = None

    def write(self, text: str = "") -> None:
        """One line, above the bar while there is one."""
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def start(self, run: TrainingRun) -> None:
        """The header, then the bar."""
        super().start(run)
        self.progress.start()
        self.task = self.progress.add_task("", total=run.total_steps, loss=0.0, rate=0.0, left="?")

    def step(self, run: TrainingRun, loss: float) -> None:
        """Move the bar."""
        rate = run.steps_done * run.tokens_a_step / run.seconds
        left = clock(run.seconds_left)
        self.progress.update(self.task, completed=run.steps_done, loss=loss, rate=rate, left=left)

    def finish(self, run: TrainingRun) -> None:
        """Leave the bar as it is and say where the results lie."""
        self.progress.stop()
        super().finish(run)


def clock(seconds: float) -> str:
    """Minutes and seconds: 75.2 becomes `1:15`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
