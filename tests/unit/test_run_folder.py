"""The run's folder: never overwritten, complete, and readable again."""

import json
import math
import shutil
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from capstone.checkpoint import save_checkpoint
from capstone.config import RunConfig, read_config
from capstone.data import CharTokenizer
from capstone.errors import CheckpointError, ConfigError
from capstone.model import ModelConfig, TrainableTransformer
from capstone.run_folder import BEST, LAST, RunFolder, free_folder, load_run

CONFIG = ModelConfig(vocab_size=3, seq_len=4, d_model=8, n_layers=1, n_heads=2)
FACTS = {"step": 1, "characters": "abc"}


def make_model(seed=0, dtype=np.float32):
    return TrainableTransformer(CONFIG, seed=seed, dtype=dtype)


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(np.array_equal(a.data, b.data) for a, b in pairs)


def test_a_folder_is_made_with_its_parents(tmp_path):
    RunFolder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_an_empty_folder_may_be_used(tmp_path):
    assert RunFolder(tmp_path).path == tmp_path


def test_a_folder_with_content_is_rejected_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("final", encoding="utf-8")
    message = (
        r"^run folder: a run never overwrites another: expected a new folder, "
        r"got '.*', which has content; choose another --out$"
    )
    with pytest.raises(ConfigError, match=message):
        RunFolder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_is_taken_as_soon_as_a_run_has_it(tmp_path):
    RunFolder(tmp_path)
    with pytest.raises(ConfigError, match=r"^run folder: a run never overwrites another: "):
        RunFolder(tmp_path)


@pytest.mark.parametrize("below", ["", "run"], ids=["a_file", "below_a_file"])
def test_a_path_that_cannot_be_a_folder_is_rejected(tmp_path, below):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    message = (
        r"^run folder: the run's folder must be writable: expected a folder that can be made, "
        r"got (File exists|Not a directory) at '"
    )
    with pytest.raises(ConfigError, match=message):
        RunFolder(tmp_path / "file" / below)


WRITERS = {
    "config.toml": lambda folder: folder.write_config(RunConfig()),
    "metrics.jsonl": lambda folder: folder.append_metrics({"step": 1}),
    "loss.png": lambda folder: folder.draw([{"step": 1, "train_loss": 1.0, "val_loss": 2.0}]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_vanished_is_reported(tmp_path, name):
    folder = RunFolder(tmp_path / "run")
    shutil.rmtree(folder.path)
    message = rf"^run folder: the run's folder must be writable: .*No such file .*{name}'$"
    with pytest.raises(ConfigError, match=message):
        WRITERS[name](folder)


def test_the_config_is_written(tmp_path):
    RunFolder(tmp_path).write_config(RunConfig(d_model=8))
    assert RunConfig(**read_config(tmp_path / "config.toml")) == RunConfig(d_model=8)


def test_a_text_file_whose_name_is_no_unicode_does_not_end_the_run(tmp_path):
    RunFolder(tmp_path).write_config(RunConfig(text_file="caf\udce9.txt"))
    assert (tmp_path / "config.toml").exists()


def test_metrics_are_one_line_each(tmp_path):
    folder = RunFolder(tmp_path)
    folder.append_metrics({"step": 1})
    folder.append_metrics({"step": 2})
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"step": 1}, {"step": 2}]


def count_colored(path):
    """Pixels that are not grey: those of curves, markers and the legend."""
    pixels = imread(path)[..., :3]  # (H, W, 3)
    return int((np.ptp(pixels, axis=-1) > 0.2).sum())


def test_a_single_point_can_be_seen(tmp_path):
    folder = RunFolder(tmp_path)
    folder.draw([{"step": 1, "train_loss": math.nan, "val_loss": math.nan}])
    legend_only = count_colored(tmp_path / "loss.png")
    folder.draw([{"step": 1, "train_loss": 2.0, "val_loss": 2.5}])
    assert count_colored(tmp_path / "loss.png") > legend_only


def test_without_matplotlib_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = [{"step": 1, "train_loss": 2.0, "val_loss": 2.5}]
    assert not RunFolder(tmp_path).draw(history)
    assert not (tmp_path / "loss.png").exists()


def test_a_free_folder_has_the_first_unused_number(tmp_path):
    names = []
    for _ in range(3):
        path = free_folder(tmp_path, "run")
        path.mkdir()
        names.append(path.name)
    assert names == ["run", "run-2", "run-3"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_model_and_tokenizer_come_back(tmp_path, dtype):
    model = make_model(dtype=dtype)
    RunFolder(tmp_path).save(LAST, model, FACTS)
    loaded, tokenizer = load_run(tmp_path)
    assert loaded.config == CONFIG
    assert loaded.embedding.weight.data.dtype == dtype
    assert same_weights(loaded, model)
    assert tokenizer.characters == CharTokenizer("abc").characters


def test_the_best_checkpoint_is_preferred(tmp_path):
    folder, best, last = RunFolder(tmp_path), make_model(1), make_model(2)
    folder.save(BEST, best, FACTS)
    folder.save(LAST, last, FACTS)
    assert same_weights(load_run(tmp_path)[0], best)
    assert same_weights(load_run(tmp_path / LAST)[0], last)


def test_a_folder_without_a_checkpoint_is_reported(tmp_path):
    message = r"^load_checkpoint: the file must exist: .* got nothing at '.*last\.npz'$"
    with pytest.raises(CheckpointError, match=message):
        load_run(tmp_path)


def save_changed(path, *, arrays=None, **changes):
    """A sound file whose content is not what a run writes."""
    model = make_model()
    found = {name: parameter.data for name, parameter in model.named_parameters()}
    sizes = {**CONFIG.__dict__, **changes.pop("sizes", {})}
    metadata = {"model": sizes, **FACTS, **changes}
    save_checkpoint(path, {**found, **(arrays or {})}, metadata)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": None},
        {"sizes": {"d_model": -8}},
        {"sizes": {"d_model": "8"}},
        {"sizes": {"width": 8}},
        {"characters": 5},
        {"characters": "cba"},
    ],
    ids=["no_model", "negative", "text", "unknown_key", "no_text", "unsorted"],
)
def test_metadata_that_describe_no_model_are_reported(tmp_path, changes):
    save_changed(tmp_path / LAST, **changes)
    message = r"^load_run: '.*' must describe a model: expected its sizes and its characters, got "
    with pytest.raises(CheckpointError, match=message):
        load_run(tmp_path)


def test_another_number_of_characters_is_reported(tmp_path):
    save_changed(tmp_path / LAST, characters="ab")
    message = r"^load_run: '.*' must hold a character for every token: expected 3 .*, got 2$"
    with pytest.raises(CheckpointError, match=message):
        load_run(tmp_path)


def test_another_shape_is_reported(tmp_path):
    save_changed(tmp_path / LAST, sizes={"d_model": 16, "d_ff": 0})
    message = r"^load_parameters: 'embedding\.weight' has another shape .*\(3, 16\), got \(3, 8\)$"
    with pytest.raises(CheckpointError, match=message):
        load_run(tmp_path)
