"""`capstone gradcheck`: the table, the selection, and the exit codes 0, 1 and 2."""

import pytest

import capstone.ops.rmsnorm
import tolerances
from capstone.cases import CASES
from capstone.cli import main


def rows(output):
    """The lines of the table, without its head and what follows it."""
    return output.split("\n\n")[0].splitlines()[1:]


def test_everything_is_right(capsys):
    assert main(["gradcheck"]) == 0
    output, error = capsys.readouterr()
    assert error == ""
    assert [row.split()[0] for row in rows(output)] == [case.id for case in CASES]
    assert all(row.endswith("  ok") for row in rows(output))
    assert f"all {len(CASES)} right: " in output
    assert max(map(len, output.splitlines())) <= 112


def test_the_table_says_what_was_compared_and_how_well(capsys):
    main(["gradcheck", "-k", "linear-D5"])
    head, row = capsys.readouterr().out.splitlines()[:2]
    assert head.split("  ")[0] == "what"
    for column in ("entries", "worst error", "allowed", "would catch", "time"):
        assert column in head
    entries, error, allowed, floor = row.split()[1:5]
    assert int(entries) == 47
    assert 0 < float(error) < float(allowed) < tolerances.REPORTED_ERROR
    assert 0 < float(floor) < tolerances.REPORTED_ERROR


@pytest.mark.parametrize("word", ["attention", "ATTENTION"])
def test_a_word_selects_ops_and_layers_in_either_case(capsys, word):
    assert main(["gradcheck", "-k", word]) == 0
    names = [row.split()[0].partition("-")[0] for row in rows(capsys.readouterr().out)]
    assert set(names) == {"attention", "dot_product_attention", "MultiHeadAttention"}


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["-k", "zzz"], "-k: nothing is selected: expected part of one of Embedding, "),
        (["--seed", "-1"], "seed must be a non-negative integer: expected seed >= 0, got -1"),
    ],
    ids=["word", "seed"],
)
def test_misuse_is_one_line_and_exit_code_2(capsys, arguments, rule):
    assert main(["gradcheck", *arguments]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("capstone gradcheck: ")
    assert error.count("\n") == 1
    assert rule in error


@pytest.fixture
def planted(monkeypatch):
    """RMSNorm whose gradient of the gain is wrong by one part in a million."""
    right = capstone.ops.rmsnorm.rmsnorm_bwd

    def rmsnorm_bwd(dy, saved):
        dx, dgain = right(dy, saved)
        return dx, dgain * (1 + 1e-6)

    monkeypatch.setattr(capstone.ops.rmsnorm, "rmsnorm_bwd", rmsnorm_bwd)


@pytest.mark.usefixtures("planted")
def test_a_planted_bug_is_found_and_named(capsys):
    assert main(["gradcheck", "-k", "rmsnorm-B2_T3_D5_tiny"]) == 1
    output = capsys.readouterr().out
    assert rows(output)[0].endswith("  WRONG")
    assert "rmsnorm-B2_T3_D5_tiny: d(gain) disagrees with the derivative" in output
    assert "1 of 1 WRONG: " in output


@pytest.mark.usefixtures("planted")
def test_the_replay_command_shows_the_same_failure(capsys):
    main(["gradcheck", "-k", "rmsnorm-B2_T3_D5_tiny", "--seed", "3"])
    first = capsys.readouterr().out
    command = first.partition("  replay ")[2].splitlines()[0].split()
    assert command[0] == "capstone"
    assert main(command[1:]) == 1
    shown = [
        out.partition("d(gain)")[2].partition("1 of 1")[0]
        for out in (first, capsys.readouterr().out)
    ]
    assert shown[0] == shown[1] != ""


def test_another_seed_checks_another_draw(capsys):
    errors = set()
    for seed in ("0", "1", "2"):
        assert main(["gradcheck", "-k", "rmsnorm-B2_T3_D5_tiny", "--seed", seed]) == 0
        errors.add(rows(capsys.readouterr().out)[0].split()[2])
    assert len(errors) > 1
