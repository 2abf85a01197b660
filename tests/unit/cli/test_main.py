"""The command line as a whole: exit codes, one line for each mistake, and how it ends early."""

import io
import os
import subprocess
import sys

import pytest

import capstone.cli.gradcheck
from capstone.cli import main

COMMAND = [sys.executable, "-m", "capstone"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "capstone: the following arguments are required: COMMAND; see capstone --help\n"),
        (["train", "--nope"], "capstone: unrecognized arguments: --nope; see capstone --help\n"),
        (["train", "more"], "capstone: unrecognized arguments: more; see capstone --help\n"),
        (
            ["train", "--lr"],
            "capstone train: argument --lr: expected one argument; see capstone train --help\n",
        ),
        (
            ["train", "--d-model", "8.5"],
            "capstone train: argument --d-model: invalid int value: '8.5'; "
            "see capstone train --help\n",
        ),
        (
            ["generate"],
            "capstone generate: the following arguments are required: RUN; "
            "see capstone generate --help\n",
        ),
    ],
    ids=["nothing", "unknown_option", "unknown_word", "no_value", "wrong_type", "no_run"],
)
def test_misuse_is_one_line_and_exit_code_2(capsys, arguments, line):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", line)


def test_an_unknown_command_names_the_known_ones(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["nonsense"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("capstone: argument COMMAND: invalid choice: 'nonsense' (choose from ")
    assert error.count("\n") == 1
    assert all(name in error for name in ("gradcheck", "train", "generate"))


@pytest.mark.parametrize("command", [[], ["train"], ["generate"], ["gradcheck"]], ids=str)
def test_help_fits_a_terminal(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(" ".join(["usage: capstone", *command]))
    assert max(map(len, lines)) <= 80


def end_with(monkeypatch, error):
    """`capstone gradcheck` that ends with an error."""

    def run(options):
        raise error

    monkeypatch.setattr(capstone.cli.gradcheck, "run", run)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "capstone gradcheck: interrupted\n"),
        (MemoryError("9 TiB"), 2, "capstone gradcheck: not enough memory: 9 TiB\n"),
    ],
    ids=["interrupt", "memory"],
)
def test_an_early_end_is_one_line(capsys, monkeypatch, error, code, line):
    end_with(monkeypatch, error)
    assert main(["gradcheck"]) == code
    assert capsys.readouterr().err == line


def test_the_command_is_named_once(capsys):
    assert main(["gradcheck", "--seed", "-1"]) == 2
    words = "capstone gradcheck: seed must be a non-negative integer: expected seed >= 0, got -1\n"
    assert capsys.readouterr().err == words


def test_a_closed_pipe_ends_quietly():
    """The reader is gone before the first line; 0 would claim that everything was checked."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "gradcheck", "-k", "silu"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_an_output_without_the_character_shows_another(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(capstone.cli.gradcheck, "run", lambda options: print("\u201cto be\u201d"))
    main(["gradcheck"])
    assert output.buffer.getvalue().split() == [b"?to", b"be?"]
