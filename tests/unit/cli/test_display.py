"""What a run shows: plain lines, the bar of a terminal, and what is said without the extras."""

import io
import math
import sys

import pytest
from rich.console import Console

from capstone.cli.display import PlainDisplay, ProgressDisplay, clock, make_display
from capstone.config import RunConfig
from capstone.run_folder import RunFolder
from capstone.train import TrainingRun

TEXT = "To be, or not to be, that is the question.\n" * 20
SIZES = {"d_model": 8, "n_layers": 1, "n_heads": 2, "seq_len": 8, "batch_size": 4}


@pytest.fixture
def train(tmp_path):
    """Train a tiny run of four steps with a display made for its folder; returns the run."""
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")

    def train(make):
        folder = RunFolder(tmp_path / "run")
        run = TrainingRun(
            RunConfig(text_file=str(path), **SIZES, max_steps=4, eval_every=2, lr=1e-3)
        )
        run.run(folder, make(folder.path))
        return run

    return train


def test_the_header_says_what_is_trained_on_what_and_where(train, capsys, tmp_path):
    train(PlainDisplay)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "992 parameters: 1 layers, 2 heads, width 8, positions rope, tied head",
        f"{tmp_path / 'text.txt'}: 774 characters to train on, 86 to validate on, 17 different",
        "4 steps of 4 x 8 characters in float32",
        f"everything goes to {tmp_path / 'run'}",
        "",
    ]


def test_an_evaluation_shows_every_figure(train, capsys):
    run = train(PlainDisplay)
    lines = capsys.readouterr().out.splitlines()
    first = lines.index(next(line for line in lines if line.startswith("step 2/4   ")))
    metrics = run.history[0]
    assert lines[first].split("   ")[1:4] == [
        f"grad norm {metrics['grad_norm']:.2f}",
        "lr 1.0e-03",
        f"{metrics['tokens_per_second']:,.0f} tokens/s",
    ]
    assert lines[first].endswith(" left")
    train_loss, val_loss = metrics["train_loss"], metrics["val_loss"]
    assert lines[first + 1] == (
        f"    train {train_loss:.4f} (perplexity {math.exp(train_loss):.2f})"
        f"   validation {val_loss:.4f} (perplexity {math.exp(val_loss):.2f})"
    )
    assert lines[first + 2].startswith("    | ")


def test_figures_fit_eighty_columns(train, capsys):
    train(PlainDisplay)
    lines = capsys.readouterr().out.splitlines()
    figures = [line for line in lines if line.startswith(("step", "    train", "992"))]
    assert len(figures) == 5
    assert max(map(len, figures)) <= 80


def test_the_end_says_how_good_the_run_was(train, capsys, tmp_path):
    run = train(PlainDisplay)
    best = min(metrics["val_loss"] for metrics in run.history)
    last = capsys.readouterr().out.splitlines()[-1]
    done = f"4 steps in {clock(run.seconds)}"
    assert last == f"{done}, best validation loss {best:.4f}: {tmp_path / 'run'}"


def test_without_matplotlib_it_is_said_once_and_training_goes_on(
    train, capsys, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    train(PlainDisplay)
    output = capsys.readouterr().out
    assert output.count("no loss.png") == 1
    assert output.endswith("no loss.png: drawing it needs matplotlib (pip install matplotlib)\n")
    assert (tmp_path / "run" / "best.npz").exists()


ERASE_LINE = "\x1b[2K"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_progress_bar(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert isinstance(make_display(tmp_path), ProgressDisplay)


def test_a_pipe_gets_plain_lines(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert type(make_display(tmp_path)) is PlainDisplay


def test_a_terminal_without_rich_gets_plain_lines(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    assert type(make_display(tmp_path)) is PlainDisplay


def test_a_closed_output_gets_plain_lines(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", None)
    assert type(make_display(tmp_path)) is PlainDisplay


@pytest.fixture
def terminal():
    return Terminal()


@pytest.mark.parametrize("width", [80, 100])
def test_the_bar_fits_the_line_and_ends_full(train, terminal, width):
    def make(path):
        display = ProgressDisplay(path)
        display.progress.live.console = Console(
            file=terminal, width=width, force_terminal=True, color_system=None, _environ={}
        )
        return display

    train(make)
    frames = terminal.getvalue().replace("\r", "\n").replace(ERASE_LINE, "").splitlines()
    bars = [line for line in frames if "tokens/s" in line and "4/4 loss" in line]
    assert bars
    assert bars[-1].rstrip().endswith("0:00 left")
    assert bars[-1].count("\u2501") > 10
    assert len(bars[-1].rstrip()) <= width


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (75.2, "1:15"), (59.7, "1:00"), (3725, "1:02:05")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
