"""`capstone generate`: the same text as the model gives, at once, and every mistake in one line."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from capstone.cli import main
from capstone.model import ModelConfig, TrainableTransformer
from capstone.run_folder import LAST, RunFolder, load_run

CHARACTERS = "\n :AEHLMT"
CONFIG = ModelConfig(vocab_size=len(CHARACTERS), seq_len=8, d_model=8, n_layers=1, n_heads=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, as a word of the command line."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.save(LAST, TrainableTransformer(CONFIG), {"step": 1, "characters": CHARACTERS})
    return str(folder.path)


def test_the_text_is_what_the_model_generates(run, capsys):
    options = ["--max-new-tokens", "50", "--temperature", "0.8", "--top-k", "5", "--seed", "1"]
    assert main(["generate", run, "--prompt", "HAMLET:", *options]) == 0
    model, tokenizer = load_run(run)
    tokens = model.generate(
        tokenizer.encode("HAMLET:"), max_new_tokens=50, temperature=0.8, top_k=5, seed=1
    )
    assert capsys.readouterr() == (f"HAMLET:{tokenizer.decode(tokens)}\n", "")


def test_temperature_zero_is_greedy_whatever_the_seed(run, capsys):
    texts = set()
    for seed in ("1", "2"):
        assert main(["generate", run, "--temperature", "0", "--seed", seed]) == 0
        texts.add(capsys.readouterr().out)
    assert len(texts) == 1


def test_without_a_prompt_a_text_without_lines_is_continued(tmp_path, capsys):
    model = TrainableTransformer(ModelConfig(3, seq_len=8, d_model=8, n_layers=1, n_heads=2))
    RunFolder(tmp_path).save(LAST, model, {"characters": "abc"})
    assert main(["generate", str(tmp_path), "--max-new-tokens", "5"]) == 0
    output, error = capsys.readouterr()
    assert error == ""
    assert output.startswith("a")
    assert len(output) == 1 + 5 + 1


class Flushes(io.StringIO):
    """An output that keeps what had been written at each flush."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def flush(self):
        self.seen.append(self.getvalue())


def test_each_character_is_shown_at_once(run, monkeypatch):
    output = Flushes()
    monkeypatch.setattr(sys, "stdout", output)
    main(["generate", run, "--prompt", "HAM", "--max-new-tokens", "4"])
    assert [len(text) for text in output.seen[:5]] == [3, 4, 5, 6, 7]


def test_a_stop_character_ends_the_text(run, capsys):
    main(["generate", run, "--prompt", "HAM", "--stop", CHARACTERS])
    assert capsys.readouterr().out == "HAM\n"


def test_a_replacement_stands_in_for_unknown_characters(run, capsys):
    texts = []
    for prompt in ("ZZ", "AA"):
        assert main(["generate", run, "--prompt", prompt, "--replacement", "A"]) == 0
        texts.append(capsys.readouterr().out[2:])
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--prompt", ""], "the prompt must not be empty: expected at least one character"),
        (["--prompt", "HZ"], "got 'Z' (U+005A) at position 1"),
        (["--stop", "Z"], "got 'Z' (U+005A) at position 0"),
        (["--replacement", "AH"], "the replacement must be one character of the vocabulary"),
        (["--temperature", "-1"], "expected temperature >= 0, got -1.0"),
        (["--temperature", "nan"], "expected temperature >= 0, got nan"),
        (["--top-k", "0"], "expected top_k >= 1, got 0"),
        (["--top-p", "0"], "expected 0 < top_p <= 1, got 0.0"),
        (["--top-p", "2"], "expected 0 < top_p <= 1, got 2.0"),
        (["--seed", "-1"], "expected seed >= 0, got -1"),
        (["--max-new-tokens", "0"], "expected max_new_tokens >= 1, got 0"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(run, capsys, options, rule):
    assert main(["generate", run, *options]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("capstone generate: ")
    assert error.count("\n") == 1
    assert rule in error


def make_bad_file(kind, run, path):
    intact = (Path(run) / LAST).read_bytes()
    contents = {
        "text": b"no checkpoint at all",
        "empty": b"",
        "truncated": intact[:-100],
        "damaged": intact[:500] + bytes([intact[500] ^ 1]) + intact[501:],
        "random": np.random.default_rng(0).bytes(5000),
    }
    if kind in contents:
        path.write_bytes(contents[kind])


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("missing", "the file must exist: expected a checkpoint, got nothing at "),
        ("text", "the file is no checkpoint"),
        ("empty", "the file is no checkpoint"),
        ("random", "the file is no checkpoint"),
        ("truncated", "the checkpoint is damaged, truncated or not one of ours"),
        ("damaged", "the checkpoint is damaged, truncated or not one of ours"),
    ],
)
def test_a_bad_checkpoint_is_one_line(run, tmp_path, capsys, kind, rule):
    make_bad_file(kind, run, tmp_path / "file.npz")
    assert main(["generate", str(tmp_path / "file.npz")]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("capstone generate: load_checkpoint: ")
    assert error.count("\n") == 1
    assert rule in error


def test_weights_that_are_not_finite_are_one_line(tmp_path, capsys):
    model = TrainableTransformer(CONFIG)
    model.norm.gain.data[:] = np.nan
    RunFolder(tmp_path).save(LAST, model, {"characters": CHARACTERS})
    assert main(["generate", str(tmp_path)]) == 2
    message = "sample_next: logits must be finite: expected numbers, got nan for token 0"
    assert capsys.readouterr().err == f"capstone generate: {message}\n"
