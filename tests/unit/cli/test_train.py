"""`capstone train`: the calls that are promised, what wins over what, and every failed start."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import capstone.train
from capstone.checkpoint import load_checkpoint
from capstone.cli import main, make_parser
from capstone.cli import train as train_module
from capstone.config import read_config
from capstone.errors import RankError
from unit.fake_job import run_ranks

TEXT = "To be, or not to be, that is the question.\n" * 20
NUMBERS = {"d_model": 8, "n_layers": 1, "n_heads": 2, "seq_len": 8, "batch_size": 4}
SIZES = [f"--{name.replace('_', '-')}={number}" for name, number in NUMBERS.items()]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in a folder that holds nothing but `text.txt`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def train(*arguments):
    return main(["train", "--text-file", "text.txt", *SIZES, *arguments])


def read_run(path="run"):
    return read_config(f"{path}/config.toml")


def test_a_run_goes_where_out_says(folder):
    assert train("--max-steps", "2", "--out", "some/where") == 0
    names = {path.name for path in (folder / "some" / "where").iterdir()}
    assert names == {"config.toml", "metrics.jsonl", "last.npz", "best.npz", "loss.png"}


def test_a_run_without_out_gets_a_new_folder_each_time(folder):
    train("--max-steps", "1")
    train("--max-steps", "1")
    assert {path.name for path in (folder / "runs").iterdir()} == {"text-tiny", "text-tiny-2"}


def test_the_embedded_text_is_the_default(folder, capsys):
    assert main(["train", *SIZES, "--max-steps", "1"]) == 0
    assert (folder / "runs" / "hamlet-tiny").is_dir()
    assert "Hamlet: 156,547 characters to train on" in capsys.readouterr().out


def test_every_promised_option_is_used():
    typed = {"preset": "small", "max_steps": 3, "eval_every": 2, "seed": 7, "dtype": "float64"}
    train(*(f"--{name.replace('_', '-')}={value}" for name, value in typed.items()), "--out=run")
    assert {**NUMBERS, **typed}.items() <= read_run().items()


def test_a_step_that_saves_memory_is_used_and_written_down(folder):
    train("--max-steps", "2", "--micro-batches", "3", "--recompute", "--out", "lean")
    assert {"micro_batches": 3, "recompute": True}.items() <= read_run("lean").items()
    train("--config", "lean/config.toml", "--no-recompute", "--out", "again")
    assert {"micro_batches": 3, "recompute": False}.items() <= read_run("again").items()
    arrays = [load_checkpoint(f"{name}/last.npz")[0] for name in ("lean", "again")]
    assert arrays[0].keys() == arrays[1].keys()
    for name, array in arrays[0].items():
        np.testing.assert_array_equal(array, arrays[1][name])


def test_epochs_decide_the_length():
    train("--epochs", "2", "--lr", "3e-4", "--out", "run")
    assert read_run()["max_steps"] == 2 * 23  # 774 characters are 95 windows of 8, whatever the cut
    assert read_run()["lr"] == 3e-4


def test_the_module_runs_as_the_course_types_it(folder):
    command = [sys.executable, "-m", "capstone.train", "--text-file", "text.txt", "--epochs", "1"]
    ended = subprocess.run([*command, *SIZES], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (folder / "runs" / "text-tiny" / "best.npz").exists()


def test_the_command_line_wins_over_the_file(folder):
    (folder / "my.toml").write_text("max_steps = 9\nseed = 5\n", encoding="utf-8")
    train("--config", "my.toml", "--max-steps", "2", "--out", "run")
    assert (read_run()["max_steps"], read_run()["seed"]) == (2, 5)


def test_the_config_of_a_run_gives_the_same_run(folder):
    train("--epochs", "1", "--out", "run")
    main(["train", "--config", "run/config.toml", "--out", "again"])
    for name in ("config.toml", "last.npz"):
        assert (folder / "again" / name).read_bytes() == (folder / "run" / name).read_bytes()


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (["--preset=small", "--n-layers=1", "--seq-len=8"], "d_model", 256),
        (["--preset=small", "--n-layers=1", "--seq-len=8"], "batch_size", 16),
        (["--d-model", "16"], "d_ff", 48),
        (["--epochs", "1"], "max_steps", 23),
        (["--lr", "1e-4"], "min_lr", 1e-5),
    ],
    ids=["width", "batch", "d_ff", "steps", "min_lr"],
)
def test_what_follows_from_a_typed_option_is_not_taken_from_the_file(typed, name, value):
    train("--max-steps", "1", "--out", "run")
    assert main(["train", "--config", "run/config.toml", *typed, "--out", "again"]) == 0
    assert read_run("again")[name] == value


def blas_threads():
    """How many threads each BLAS library may use."""
    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]


@pytest.mark.parametrize("threads", ["2", "3"])
def test_blas_has_one_thread_while_several_shards_train(monkeypatch, threads):
    during = []

    def watch(self, *arguments):
        during.extend(blas_threads())
        return step(self, *arguments)

    step = capstone.train.TrainingRun._step
    monkeypatch.setattr(capstone.train.TrainingRun, "_step", watch)
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        assert set(before) == {2}
        assert train("--max-steps", "1", "--threads", threads) == 0
        assert blas_threads() == before
    assert during
    assert set(during) == {1}


def test_threads_without_threadpoolctl_are_one_line(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert train("--max-steps", "1", "--threads", "2") == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith(
        "capstone train: Shards: a step of several threads needs threadpoolctl: "
    )
    assert error.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["text.txt"]


FAILED_STARTS = {
    "no_text": (["--text-file", "none.txt"], "the text file must exist"),
    "text_is_a_folder": (["--text-file", "."], "the text must be a file"),
    "no_text_name": (["--text-file", ""], "the text must be a file"),
    "heads": (["--d-model", "9"], "d_model must give the 2 heads an even width"),
    "zero_width": (["--d-model", "0"], "expected d_model >= 1, got 0"),
    "zero_batch": (["--batch-size", "0"], "expected batch_size >= 1, got 0"),
    "negative_context": (["--seq-len", "-8"], "expected seq_len >= 1, got -8"),
    "zero_steps": (["--max-steps", "0"], "expected max_steps >= 1, got 0"),
    "zero_epochs": (["--epochs", "0"], "expected epochs >= 1, got 0"),
    "large_batch": (["--batch-size", "5000"], "expected at least 5008 tokens, got 774"),
    "short_epoch": (["--epochs", "1", "--batch-size", "500"], "got 774; use a longer text"),
    "no_rate": (["--lr", "0"], "expected lr > 0, got 0.0"),
    "nan_rate": (["--lr", "nan"], "expected lr > 0, got nan"),
    "zero_micro_batches": (["--micro-batches", "0"], "expected micro_batches >= 1, got 0"),
    "zero_threads": (["--threads", "0"], "expected threads >= 1, got 0"),
    "seed": (["--seed", "-1"], "expected seed >= 0, got -1"),
    "preset": (["--preset", "huge"], "unknown preset: expected one of tiny, small, medium"),
    "dtype": (["--dtype", "float16"], "unknown dtype: expected one of float32, float64"),
    "positions": (["--positions", "sin"], "unknown positions: expected one of rope, none"),
    "no_config": (["--config", "none.toml"], "the file must be readable"),
    "no_config_name": (["--config", ""], "the file must be readable"),
    "config_is_text": (["--config", "text.txt"], "must be TOML"),
    "out_has_content": (["--out", "."], "a run never overwrites another"),
    "out_is_a_file": (["--out", "text.txt"], "the run's folder must be writable"),
    "memory": (["--d-model", "4000000000000"], "not enough memory"),
}


@pytest.mark.parametrize("name", FAILED_STARTS)
def test_a_failed_start_is_one_line_and_makes_nothing(folder, capsys, name):
    arguments, rule = FAILED_STARTS[name]
    assert train(*arguments) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("capstone train: ")
    assert error.count("\n") == 1
    assert rule in error
    assert [path.name for path in folder.iterdir()] == ["text.txt"]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("dmodel = 8", "unknown key in 'my.toml'"),
        ('seed = "1"', "seed has the wrong type: expected int, got '1'"),
        ('d_model = "8"', "d_model has the wrong type: expected int, got '8'"),
        ("d_model = 0", "expected d_model >= 1, got 0"),
    ],
    ids=["unknown_key", "type", "type_of_a_typed_option", "range_of_a_typed_option"],
)
def test_a_mistake_in_the_file_is_one_line(folder, capsys, line, rule):
    (folder / "my.toml").write_text(line, encoding="utf-8")
    assert train("--config", "my.toml") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert rule in error
    assert not (folder / "runs").exists()


def test_a_run_is_never_overwritten(folder, capsys):
    train("--max-steps", "1", "--out", "run")
    before = (folder / "run" / "last.npz").read_bytes()
    capsys.readouterr()
    assert train("--max-steps", "1", "--seed", "1", "--out", "run") == 2
    assert "expected a new folder, got 'run', which has content" in capsys.readouterr().err
    assert (folder / "run" / "last.npz").read_bytes() == before


def test_a_loss_that_is_not_finite_is_one_line(capsys):
    assert train("--lr", "1e9", "--max-steps", "60") == 2
    error = capsys.readouterr().err
    assert error.startswith("capstone train: ")
    assert "must be finite" in error
    assert error.count("\n") == 1


def test_an_interruption_says_where_the_model_is(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(capstone.train, "evaluate", interrupt)
    assert train("--max-steps", "9", "--eval-every", "3", "--out", "run") == 130
    message = "interrupted after 3 steps; the model is in run" + os.sep + "last.npz"
    assert capsys.readouterr().err == f"capstone train: {message}\n"
    assert load_checkpoint("run/last.npz")[1]["step"] == 3


def obey_interrupts():
    """What shells start in the background ignores them, and passes that on to its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that one process sends another")
def test_control_c_saves_a_checkpoint():
    command = [sys.executable, "-m", "capstone", "train", "--text-file", "text.txt", *SIZES]
    arguments = ["--max-steps", "1000000", "--eval-every", "1000000", "--out", "run"]
    with subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obey_interrupts,
    ) as process:
        while "everything goes to" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        try:
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert error.startswith("capstone train: interrupted after ")
    assert error.count("\n") == 1
    arrays, _ = load_checkpoint("run/last.npz")
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_of_several_processes_one_writes_and_speaks(folder, capsys):
    sizes = ["--max-steps", "3", "--eval-every", "2", "--batch-size", "3", "--out", "run"]
    options = make_parser().parse_args(["train", "--text-file", "text.txt", *SIZES, *sizes])
    assert run_ranks(3, lambda job: train_module._train(options, job)) == [None] * 3
    output, error = capsys.readouterr()
    lines = output.splitlines()
    assert error == ""
    assert "3 steps of 3 x 8 characters in float32 in 3 processes" in lines
    assert [line.split()[1] for line in lines if line.startswith("step ")] == ["2/3", "3/3"]
    names = {path.name for path in (folder / "run").iterdir()}
    assert names == {"config.toml", "metrics.jsonl", "last.npz", "best.npz", "loss.png"}
    assert (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").count("\n") == 2


def test_a_folder_with_content_is_refused_once_and_as_by_one_process(capsys):
    options = make_parser().parse_args(["train", *SIZES, "--out", "."])
    refused, silent = run_ranks(2, lambda job: train_module._train(options, job))
    assert str(refused).startswith("run folder: a run never overwrites another: expected")
    assert isinstance(silent, SystemExit)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("code", [1, 2])
def test_the_exit_code_is_that_of_the_rank_that_failed(capsys, monkeypatch, code):
    def fail(*_):
        raise RankError("rank 2 of 4 on one: no such text", code)

    monkeypatch.setattr(train_module, "_train", fail)
    assert train() == code
    assert capsys.readouterr().err == "capstone train: rank 2 of 4 on one: no such text\n"


def test_metrics_are_lines_of_json(folder):
    train("--max-steps", "4", "--eval-every", "2", "--out", "run")
    lines = (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]
