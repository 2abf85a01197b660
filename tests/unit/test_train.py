"""Training runs: determinism, what is measured and saved, data that stay apart, and failures."""

import itertools
import json
import math

import numpy as np
import pytest

import capstone.train
import tolerances
from capstone.checkpoint import load_checkpoint
from capstone.config import RunConfig, read_config
from capstone.errors import ConfigError, DataError, NonFiniteError
from capstone.evaluate import evaluate
from capstone.model import TrainableTransformer
from capstone.run_folder import BEST, LAST, RunFolder, load_run
from capstone.shards import Shards
from capstone.train import TrainingRun
from unit.closeness import distance

TEXT = "To be, or not to be, that is the question.\n" * 20
SIZES = {"d_model": 8, "n_layers": 1, "n_heads": 2, "seq_len": 8, "batch_size": 4}
KEYS = ["step", "train_loss", "val_loss", "lr", "grad_norm", "tokens_per_second"]


class Recorder:
    """A display that keeps what it is told; `on_step` may interfere."""

    def __init__(self, on_step=None):
        self.on_step = on_step
        self.calls, self.losses, self.samples = [], [], []

    def start(self, run):
        self.calls.append("start")

    def step(self, run, loss):
        self.calls.append("step")
        self.losses.append(loss)
        if self.on_step:
            self.on_step(run)

    def evaluation(self, run, metrics, sample):
        self.calls.append("evaluation")
        self.samples.append(sample)

    def finish(self, run):
        self.calls.append("finish")


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def make_run(text_file):
    """A tiny run; any option can be replaced."""

    def make(**options):
        return TrainingRun(
            RunConfig(**{"text_file": text_file, **SIZES, "max_steps": 4, **options})
        )

    return make


@pytest.fixture
def train(make_run, tmp_path):
    """Train a tiny run in a new folder: `(run, folder, recorder)`."""
    numbers = itertools.count()

    def train(*, on_step=None, **options):
        run, recorder = make_run(**options), Recorder(on_step)
        folder = RunFolder(tmp_path / f"run-{next(numbers)}")
        run.run(folder, recorder)
        return run, folder, recorder

    return train


def read_metrics(folder):
    lines = (folder.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def interrupt_at(step):
    def interrupt(run):
        if run.steps_done == step:
            raise KeyboardInterrupt

    return interrupt


def test_the_same_seed_gives_the_same_run_bit_for_bit(train):
    (one, _, first), (other, _, second) = train(eval_every=2), train(eval_every=2)
    assert first.losses == second.losses
    assert first.samples == second.samples
    assert [m["val_loss"] for m in one.history] == [m["val_loss"] for m in other.history]


def test_another_seed_gives_another_run(train):
    assert train(seed=0)[2].losses != train(seed=1)[2].losses


def test_the_written_config_gives_the_same_run(train, tmp_path):
    _, folder, first = train(epochs=1, max_steps=None)
    again = TrainingRun(RunConfig(**read_config(folder.path / "config.toml")))
    second = Recorder()
    again.run(RunFolder(tmp_path / "again"), second)
    assert second.losses == first.losses
    for name in ("config.toml", LAST):
        assert (tmp_path / "again" / name).read_bytes() == (folder.path / name).read_bytes()


def test_the_written_config_states_every_size(train):
    _, folder, _ = train(preset="tiny", n_layers=1)
    assert {**SIZES, "d_ff": 24, "max_steps": 4}.items() <= read_config(
        folder.path / "config.toml"
    ).items()


@pytest.mark.parametrize(("steps", "warmup"), [(4, 1), (1, 0), (9, 3)])
def test_the_written_config_states_the_warm_up_that_was_used(train, steps, warmup):
    run, folder, _ = train(max_steps=steps, warmup_steps=3)
    assert read_config(folder.path / "config.toml")["warmup_steps"] == warmup
    assert run.schedule.warmup_steps == warmup


def test_the_loss_goes_down(train):
    losses = train(max_steps=60, lr=1e-2)[2].losses
    assert np.mean(losses[-10:]) < tolerances.LEARNED * np.mean(losses[:10])


def test_the_folder_is_complete(train):
    names = {path.name for path in train()[1].path.iterdir()}
    assert names == {"config.toml", "metrics.jsonl", LAST, BEST, "loss.png"}


def test_metrics_have_exactly_the_promised_keys(train):
    assert [list(line) for line in read_metrics(train(eval_every=2)[1])] == [KEYS, KEYS]


def test_metrics_are_those_of_the_steps_since_the_last_ones(train):
    _, folder, recorder = train(eval_every=2)
    losses = [line["train_loss"] for line in read_metrics(folder)]
    assert losses == [sum(recorder.losses[:2]) / 2, sum(recorder.losses[2:]) / 2]


def test_the_validation_loss_is_that_of_the_whole_split(train):
    run, folder, _ = train()
    expected = evaluate(Shards(run.model, 1), run.validation_ids, seq_len=8)
    assert read_metrics(folder)[-1]["val_loss"] == expected


def test_evaluations_come_at_their_steps_and_at_the_end(train):
    assert [m["step"] for m in train(max_steps=5, eval_every=2)[0].history] == [2, 4, 5]


def test_the_display_hears_of_everything_in_order(train):
    calls = train(max_steps=3, eval_every=2)[2].calls
    assert calls == ["start", "step", "step", "evaluation", "step", "evaluation", "finish"]


def test_the_last_step_has_the_lowest_learning_rate(train):
    assert train(lr=1e-2, min_lr=1e-4)[0].history[-1]["lr"] == 1e-4


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_shortest_runs_work(train, steps):
    run, folder, recorder = train(max_steps=steps)
    assert len(recorder.losses) == steps
    assert load_checkpoint(folder.path / LAST)[1]["step"] == steps
    assert math.isfinite(run.best_loss)


def test_recomputation_is_the_same_run_bit_for_bit(train):
    (run, _, recomputed), (_, _, kept) = train(recompute=True), train()
    assert run.model.recompute
    assert recomputed.losses == kept.losses
    assert recomputed.samples == kept.samples


def test_micro_batches_are_the_same_run_to_rounding(train, monkeypatch):
    rows = []
    forward = TrainableTransformer.forward
    watched = lambda self, tokens: rows.append(len(tokens)) or forward(self, tokens)  # noqa: E731
    whole = train(dtype="float64", threads=1)[2].losses
    monkeypatch.setattr(TrainableTransformer, "forward", watched)
    losses = train(dtype="float64", threads=1, micro_batches=3)[2].losses
    assert rows[:3] == [1, 1, 2]
    assert distance(losses, whole) < tolerances.TWO_WAYS


@pytest.mark.parametrize(("asked", "cores", "chosen"), [(None, 3, 3), (2, 3, 2), (999, 1, 4)])
def test_threads_are_as_asked_or_as_cores_and_no_more_than_rows(
    make_run, monkeypatch, asked, cores, chosen
):
    monkeypatch.setattr("capstone.shards.usable_cores", lambda: cores)
    run = make_run(batch_size=4, threads=asked)
    assert run.config.threads == chosen


def test_float64_runs_in_float64(train):
    run, folder, _ = train(dtype="float64")
    assert load_run(folder.path)[0].embedding.weight.data.dtype == np.float64
    assert all(p.grad.dtype == np.float64 for p in run.model.parameters())


def test_a_text_of_one_character_can_be_learned(make_run, tmp_path):
    (tmp_path / "a.txt").write_text("a" * 300, encoding="utf-8")
    run = make_run(text_file=str(tmp_path / "a.txt"))
    run.run(RunFolder(tmp_path / "run"), Recorder())
    assert run.best_loss == 0.0


def test_the_best_checkpoint_is_that_of_the_lowest_validation_loss(train, monkeypatch):
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(capstone.train, "evaluate", lambda *_, **__: next(losses))
    run, folder, _ = train(max_steps=3, eval_every=1)
    best, last = (load_checkpoint(folder.path / name)[1] for name in (BEST, LAST))
    assert (best["step"], best["val_loss"]) == (2, 1.0)
    assert (last["step"], last["val_loss"]) == (3, 2.0)
    assert run.best_loss == 1.0


def test_a_saved_run_generates_as_the_live_model_does(train):
    run, folder, _ = train()
    saved, tokenizer = load_run(folder.path / LAST)
    prompt = tokenizer.encode("To be")
    one, other = (m.generate(prompt, max_new_tokens=30, seed=5) for m in (run.model, saved))
    assert np.array_equal(one, other)


def test_an_interrupted_run_leaves_the_model_as_it_is(make_run, tmp_path):
    run, recorder = make_run(), Recorder(interrupt_at(3))
    with pytest.raises(KeyboardInterrupt):
        run.run(RunFolder(tmp_path / "run"), recorder)
    saved, _ = load_run(tmp_path / "run" / LAST)
    weights = zip(saved.parameters(), run.model.parameters(), strict=True)
    assert all(np.array_equal(one.data, other.data) for one, other in weights)
    facts = load_checkpoint(tmp_path / "run" / LAST)[1]
    assert (facts["step"], facts["val_loss"]) == (3, None)
    assert recorder.calls[-1] == "finish"


def poison_at(step):
    """A weight becomes NaN, as after a step that was too long."""

    def poison(run):
        if run.steps_done == step:
            run.model.norm.gain.data[0] = np.nan

    return poison


@pytest.mark.parametrize(
    ("step", "name"),
    [(3, "the loss"), (4, "the validation loss")],
    ids=["in_training", "in_evaluation"],
)
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(
    make_run, tmp_path, step, name
):
    run = make_run(eval_every=2, max_steps=8)
    message = rf"^training, after {step} steps: {name} must be finite: expected a number, got nan;"
    with pytest.raises(NonFiniteError, match=message):
        run.run(RunFolder(tmp_path / "run"), Recorder(poison_at(step)))
    arrays, facts = load_checkpoint(tmp_path / "run" / LAST)
    assert facts["step"] == 2
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_learning_rate_far_too_high_is_reported(train):
    with pytest.raises(NonFiniteError, match=r"must be finite: .*; lower lr$"):
        train(lr=1e9, max_steps=60)


def starts(run, batches):
    """Where each window begins, for a text whose ids are their own places."""
    return [int(window[0]) for inputs, _ in batches for window in inputs]


@pytest.fixture
def count_run(make_run, tmp_path):
    """A run on a text in which no character occurs twice, so that an id is a place."""
    path = tmp_path / "places.txt"
    path.write_text("".join(map(chr, range(0x4E00, 0x4E00 + 200))), encoding="utf-8")
    return lambda **options: make_run(text_file=str(path), **options)


def test_an_epoch_passes_over_each_window_once(count_run):
    run = count_run(epochs=2, max_steps=None)
    assert run.total_steps == 2 * 5
    batches = run.batches()
    for _ in range(2):
        places = np.sort(starts(run, itertools.islice(batches, 5)))  # (20,)
        assert np.all(np.diff(places) >= run.seq_len)


def test_epochs_differ(count_run):
    run = count_run(epochs=2, max_steps=None)
    batches = run.batches()
    one, other = (starts(run, itertools.islice(batches, 5)) for _ in range(2))
    assert one != other


@pytest.mark.parametrize("epochs", [None, 30])
def test_validation_tokens_never_reach_a_training_batch(count_run, epochs):
    run = count_run(epochs=epochs, max_steps=150)
    seen = {int(t) for b in itertools.islice(run.batches(), 150) for half in b for t in half.flat}
    assert seen <= set(run.train_ids.tolist())
    assert not seen & set(run.validation_ids.tolist())


@pytest.mark.parametrize("epochs", [None, 1])
@pytest.mark.parametrize("sizes", [{"batch_size": 5000}, {"seq_len": 5000}], ids=str)
def test_a_text_too_short_for_a_batch_is_reported_at_the_start(make_run, sizes, epochs):
    message = r"the text is too short for this batch: expected at least \d+ tokens, got 774;"
    with pytest.raises(DataError, match=message):
        make_run(epochs=epochs, **sizes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must not be empty"),
        (b"a\0b" * 99, "not binary"),
        (b"\xe9" * 99, "must be UTF-8"),
        (b"abc", "too short to split"),
    ],
    ids=["empty", "binary", "latin_1", "short"],
)
def test_a_bad_text_is_reported_at_the_start(make_run, tmp_path, content, message):
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        make_run(text_file=str(tmp_path / "bad.txt"))


def test_an_empty_file_name_is_not_the_embedded_text(make_run):
    with pytest.raises(DataError, match=r"the text must be a file: .* got the folder '\.'"):
        make_run(text_file="")


def test_a_width_that_the_heads_do_not_divide_is_reported_at_the_start(make_run):
    message = r"^ModelConfig: d_model must give the 4 heads an even width for each: .* d_model = 10"
    with pytest.raises(ConfigError, match=message):
        make_run(d_model=10, n_heads=4)
