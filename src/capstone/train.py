"""The training loop: batches, forward, loss, backward, clip, step; now and then an evaluation."""

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.config import RunConfig
from capstone.data import (
    CharTokenizer,
    count_epoch_batches,
    embedded_text,
    epoch_batches,
    random_batch,
    read_text,
    split,
)
from capstone.errors import NonFiniteError
from capstone.evaluate import evaluate
from capstone.generate import opening
from capstone.job import Job
from capstone.memory import keep_freed_memory
from capstone.model import TrainableTransformer
from capstone.optim import AdamW, WarmupCosine, clip_grad_norm
from capstone.ranks import Ranks, check_rows
from capstone.run_folder import BEST, LAST
from capstone.shards import Shards, default_threads

BETAS = (0.9, 0.99)  # a short memory of squares suits a few thousand steps
SAMPLE_TOKENS = 160


class Display(Protocol):
    """What a training run tells while it goes on."""

    def start(self, run: "TrainingRun") -> None:
        """Sizes are known, nothing is trained yet."""

    def step(self, run: "TrainingRun", loss: float) -> None:
        """One step is done."""

    def evaluation(self, run: "TrainingRun", metrics: dict[str, float], sample: str) -> None:
        """The validation split has been gone through."""

    def finish(self, run: "TrainingRun") -> None:
        """The last step is done, or the run was cut short."""


class Folder(Protocol):
    """Where a training run leaves its files: a `RunFolder`, or nowhere."""

    def write_config(self, config: RunConfig) -> None:
        """The options of the run."""

    def append_metrics(self, metrics: Mapping[str, float]) -> None:
        """The figures of one evaluation."""

    def save(self, name: str, model: TrainableTransformer, facts: Mapping[str, Any]) -> None:
        """A checkpoint."""

    def draw(self, history: list[dict[str, float]]) -> bool:
        """A picture of the losses; False if it cannot be drawn."""


@dataclass
class Recent:
    """Sums since the last evaluation."""

    loss: float = 0.0
    grad_norm: float = 0.0
    steps: int = 0
    seconds: float = 0.0


class TrainingRun:
    """A model, its data and its optimizer; `run` trains it and fills the folder.

    Everything that can be wrong with the options or the text is found here, before a folder is
    made. `config` then holds the options with the preset's sizes filled in.

    Args:
        config: the options.
        job: the processes that train together, each with a run of its own; this one alone if not
            given.

    Raises:
        ConfigError: options that do not fit together.
        DataError: a text that cannot be read, or is too short.
        RankError: the processes have different options, texts or weights.
    """

    def __init__(self, config: RunConfig, job: Job | None = None) -> None:
        self.job = Job() if job is None else job
        path = config.text_file
        text = embedded_text() if path is None else read_text(path)
        self.tokenizer = CharTokenizer.from_text(text)
        self.train_ids, self.validation_ids = split(self.tokenizer.encode(text))
        self.model = TrainableTransformer(
            config.model(self.tokenizer.vocab_size),
            seed=config.seed,
            dtype=np.dtype(config.dtype),
        )
        self.seq_len = self.model.config.seq_len
        self.sizes = {"batch_size": config.windows_a_step, "seq_len": self.seq_len}
        self.total_steps = config.steps(count_epoch_batches(self.train_ids, **self.sizes))
        self.config = config
        next(self.batches())  # a text too short for one batch is an error here
        check_rows(config.windows_a_step, self.job)
        threads = self._choose_threads(config)
        self.config = config.resolved(self.model.config, self.total_steps, threads)
        self.model.recompute = config.recompute
        self.shards = Shards(self.model, threads, config.micro_batches)
        self.ranks = Ranks(self.shards, self.job)
        self.optimizer = AdamW(
            self.model.parameters(), lr=config.lr, betas=BETAS, weight_decay=config.weight_decay
        )
        self.schedule = WarmupCosine(
            self.optimizer,
            peak_lr=config.lr,
            min_lr=config.last_lr,
            warmup_steps=self.config.warmup_steps,
            total_steps=self.total_steps,
        )
        self.history: list[dict[str, float]] = []
        self.best_loss = math.inf
        self.steps_done = 0
        self.recent = Recent()
        self.seconds = 0.0  # of steps and evaluations
        self.has_picture = True  # until drawing it turns out to be impossible
        # where the text lies, and how many threads there are, may differ between machines
        options = replace(self.config, text_file=None, threads=1).to_toml()
        self._check_ranks("at the start", options=options.encode(), text=text.encode())

    def _choose_threads(self, config: RunConfig) -> int:
        """As many as are asked for, or else as there are cores; no more than rows of the batch."""
        rows = -(-config.windows_a_step // self.job.size)
        processes = self.job.count_here()  # all ranks meet here, whatever they were asked for
        return min(rows, config.threads or default_threads(rows, processes=processes))

    @property
    def tokens_per_second(self) -> float:
        """Targets that a second of training learns from, since the last evaluation."""
        return self.recent.steps * math.prod(self.sizes.values()) / self.recent.seconds

    @property
    def seconds_left(self) -> float:
        """Extrapolated from what is done, at least one step."""
        return self.seconds / self.steps_done * (self.total_steps - self.steps_done)

    def run(self, folder: Folder, display: Display) -> None:
        """Train to the end, evaluating on the way; an interruption still saves a checkpoint.

        Raises:
            NonFiniteError: a loss or a gradient is NaN or infinite; the last checkpoint stays.
            ConfigError: the folder cannot be written to.
            KeyboardInterrupt: passed on, once the checkpoint is written.
            RankError: the weights are not the same in all processes any more.
        """
        keep_freed_memory()
        folder.write_config(self.config)
        try:
            display.start(self)
            with self.ranks, np.errstate(over="ignore", invalid="ignore"):  # named by checks
                self._train(folder, display)
        except KeyboardInterrupt:
            folder.save(LAST, self.model, self._facts())
            raise
        finally:
            display.finish(self)

    def batches(self) -> Iterator[tuple[Array, Array]]:
        """Without end: random windows, or shuffled epochs of windows without overlap."""
        for index in itertools.count():
            if self.config.epochs is None:
                yield random_batch(self.train_ids, **self.sizes, seed=self.config.seed, step=index)
            else:
                options = {**self.sizes, "seed": self.config.seed, "epoch": index}
                yield from epoch_batches(self.train_ids, **options)

    def _train(self, folder: Folder, display: Display) -> None:
        for inputs, targets in itertools.islice(self.batches(), self.total_steps):
            started = time.perf_counter()
            loss = self._step(inputs, targets)
            self._count(loss, time.perf_counter() - started)
            display.step(self, loss)
            if self.steps_done % self.config.eval_every == 0 or self.steps_done == self.total_steps:
                self._evaluate(folder, display)

    def _step(self, inputs: Array, targets: Array) -> float:
        """One step of gradient descent; returns the loss before it."""
        loss = self.ranks.compute_gradients(inputs, targets)
        self._check_finite("the loss", loss)
        each, parameters = self.ranks.each, self.model.parameters()
        norm = clip_grad_norm(parameters, self.config.max_grad_norm, each=each)
        self.recent.grad_norm += norm
        self.lr = self.optimizer.lr
        self.optimizer.step(each=each)
        self.schedule.step()
        return loss

    def _count(self, loss: float, seconds: float) -> None:
        self.steps_done += 1
        self.seconds += seconds
        self.recent.steps += 1
        self.recent.loss += loss
        self.recent.seconds += seconds

    def _evaluate(self, folder: Folder, display: Display) -> None:
        started = time.perf_counter()
        self._check_ranks(f"after {self.steps_done} steps")
        val_loss = self.job.first(self._validation_loss)
        self._check_finite("the validation loss", val_loss)
        metrics = {
            "step": self.steps_done,
            "train_loss": self.recent.loss / self.recent.steps,
            "val_loss": val_loss,
            "lr": self.lr,
            "grad_norm": self.recent.grad_norm / self.recent.steps,
            "tokens_per_second": self.tokens_per_second,
        }
        self.recent = Recent()
        self.history.append(metrics)
        folder.append_metrics(metrics)
        folder.save(LAST, self.model, self._facts())
        if val_loss < self.best_loss:
            self.best_loss = val_loss
            folder.save(BEST, self.model, self._facts())
        self.has_picture = folder.draw(self.history)
        sample = self.job.first(self._sample)
        self.seconds += time.perf_counter() - started
        display.evaluation(self, metrics, sample)

    def _check_ranks(self, when: str, **things: bytes) -> None:
        self.job.check_same(when, **things, weights=self.model.flat.data)

    def _validation_loss(self) -> float:
        return evaluate(self.shards, self.validation_ids, seq_len=self.seq_len)

    def _check_finite(self, name: str, loss: float) -> None:
        if not math.isfinite(loss):
            where, mend = f"training, after {self.steps_done} steps", "lower lr"
            rule = f"{name} must be finite"
            fail(where, rule, expected="a number", got=loss, mend=mend, error=NonFiniteError)

    def _facts(self) -> dict[str, object]:
        """What a checkpoint holds beside the model; no loss if these weights have none yet."""
        is_evaluated = self.history and self.history[-1]["step"] == self.steps_done
        val_loss = self.history[-1]["val_loss"] if is_evaluated else None
        facts = {"step": self.steps_done, "val_loss": val_loss}
        return {**facts, "characters": self.tokenizer.characters}

    def _sample(self) -> str:
        tokens = self.model.generate(
            self.tokenizer.encode(opening(self.tokenizer.characters)),
            max_new_tokens=SAMPLE_TOKENS,
            temperature=0.8,
            seed=self.config.seed,
        )
        return self.tokenizer.decode(tokens)


if __name__ == "__main__":
    import sys

    from capstone.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
