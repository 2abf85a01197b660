"""Training in several ranks: the run of one process, one folder, and an end for all together."""

import itertools

import numpy as np
import pytest

import capstone.train
import tolerances
from capstone.checkpoint import load_checkpoint
from capstone.cli.display import SilentDisplay
from capstone.config import RunConfig
from capstone.errors import RankError
from capstone.run_folder import LAST, NoFolder, RunFolder
from capstone.train import TrainingRun
from unit.closeness import distance
from unit.fake_job import run_ranks

TEXT = "To be, or not to be, that is the question.\n" * 20
SIZES = {"d_model": 8, "n_layers": 1, "n_heads": 2, "seq_len": 8, "batch_size": 5}
OPTIONS = {**SIZES, "max_steps": 4, "eval_every": 2, "dtype": "float64"}


class Interfering(SilentDisplay):
    """Says nothing, and may interfere after each step."""

    def __init__(self, on_step):
        self.on_step = on_step

    def step(self, run, loss):
        if self.on_step:
            self.on_step(run)


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def train_ranks(text_file, tmp_path):
    """Train in several ranks, of which the first has a folder: how each ends, and the folder."""

    def train_ranks(size, *, on_step=None, **options):
        folder = tmp_path / f"ranks-{size}"

        def work(job):
            own = {name: value(job.rank) for name, value in options.items()}
            run = TrainingRun(RunConfig(**{"text_file": text_file, **OPTIONS, **own}), job)
            interfere = on_step and (lambda run: on_step(run, job.rank))
            run.run(RunFolder(folder) if job.is_first else NoFolder(), Interfering(interfere))
            return run

        return run_ranks(size, work), folder

    return train_ranks


def test_ranks_train_as_one_process_does(train_ranks, text_file, tmp_path):
    alone = TrainingRun(RunConfig(text_file=text_file, **OPTIONS))
    alone.run(RunFolder(tmp_path / "alone"), SilentDisplay())
    runs, shared = train_ranks(3)
    for run in runs:
        np.testing.assert_array_equal(run.model.flat.data, runs[0].model.flat.data)
        assert [m["val_loss"] for m in run.history] == [m["val_loss"] for m in runs[0].history]
    assert distance(runs[0].model.flat.data, alone.model.flat.data) < tolerances.RANKS_TRAINED
    names = [
        sorted(path.name for path in place.iterdir()) for place in (shared, tmp_path / "alone")
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize("asked", [(2, None), (None, 2), (2, 1)])
def test_ranks_may_have_different_threads(train_ranks, asked):
    runs, _ = train_ranks(2, threads=lambda rank: asked[rank])
    np.testing.assert_array_equal(runs[0].model.flat.data, runs[1].model.flat.data)


def test_the_ranks_of_a_machine_share_its_cores(train_ranks, monkeypatch):
    monkeypatch.setattr("capstone.shards.usable_cores", lambda: 4)
    runs, _ = train_ranks(2, batch_size=lambda rank: 6)
    assert [run.config.threads for run in runs] == [2, 2]


def test_only_the_first_rank_evaluates(train_ranks, monkeypatch):
    models = []
    monkeypatch.setattr(
        capstone.train, "evaluate", lambda shards, *_, **__: models.append(shards.model) or 1
    )
    runs, _ = train_ranks(2)
    assert {id(model) for model in models} == {id(runs[0].model)}
    assert [run.best_loss for run in runs] == [1, 1]


def test_a_rank_that_drifts_ends_the_run_and_keeps_the_checkpoint(train_ranks):
    def drift(run, rank):
        if (rank, run.steps_done) == (1, 3):
            run.model.flat.data[5] += 1e-9

    (failed, _), folder = train_ranks(2, on_step=drift)
    assert isinstance(failed, RankError)
    assert "all ranks must have the same weights after 4 steps: expected" in str(failed)
    assert load_checkpoint(folder / LAST)[1]["step"] == 2


@pytest.mark.parametrize(
    ("thing", "options"),
    [("options", {"lr": lambda rank: 1e-3 * (1 + rank)}), ("weights", {})],
)
def test_ranks_that_start_differently_are_refused(train_ranks, monkeypatch, thing, options):
    if thing == "weights":
        seeds = itertools.count()  # of another machine's arithmetic
        make = capstone.train.TrainableTransformer
        other = lambda *sizes, **named: make(*sizes, **{**named, "seed": next(seeds)})  # noqa: E731
        monkeypatch.setattr(capstone.train, "TrainableTransformer", other)
    (failed, _), folder = train_ranks(2, **options)
    assert f"all ranks must have the same {thing} at the start: expected" in str(failed)
    assert not folder.exists()


def test_ranks_with_different_texts_are_refused(train_ranks, tmp_path):
    texts = [tmp_path / "one" / "text.txt", tmp_path / "other" / "text.txt"]
    for path, text in zip(texts, (TEXT, TEXT.replace("not", "ton")), strict=True):
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    (failed, _), _ = train_ranks(2, text_file=lambda rank: str(texts[rank]))
    assert "all ranks must have the same text at the start: expected" in str(failed)


def test_a_batch_smaller_than_the_job_is_refused(train_ranks):
    (failed, *_), folder = train_ranks(3, batch_size=lambda rank: 2)
    assert str(failed).startswith("ranks: every rank needs a row of the batch: expected")
    assert not folder.exists()


def test_an_interrupted_job_leaves_the_model_as_it_is(train_ranks):
    def interrupt(run, rank):
        if (rank, run.steps_done) == (1, 3):
            run.job._is_interrupted = True

    (ended, _), folder = train_ranks(2, on_step=interrupt)
    assert isinstance(ended, KeyboardInterrupt)
    assert load_checkpoint(folder / LAST)[1]["step"] == 3
