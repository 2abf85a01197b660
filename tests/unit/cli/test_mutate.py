import json

import pytest

from capstone.cli import main, mutate
from capstone.cli.mutate import point_of

INPUTS = ["--forward", "gate_fwd", "--input", "3,5", "--input", "5"]


def test_a_built_in_op_leaves_no_survivor(capsys):
    assert main(["mutate", "rmsnorm"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "planted bugs killed, 0 equivalent, 0 survived" in lines[0]
    assert lines[-1].startswith("0 of ")


def test_somebody_elses_function_goes_by_its_file(gates, capsys):
    assert main(["mutate", "gates.py:gate_bwd", *INPUTS]) == 0
    assert "gates.py:gate_bwd: " in capsys.readouterr().out


def test_a_survivor_makes_the_command_fail(monkeypatch, capsys):
    lenient = {"wrt": "x"}  # a check that does not look at the gains
    monkeypatch.setattr(mutate, "point_of", lambda case: point_of(case)._replace(options=lenient))
    assert main(["mutate", "rmsnorm"]) == 1
    out = capsys.readouterr().out
    assert "  survived     rmsnorm_bwd, line " in out
    assert not out.splitlines()[-1].startswith("0 of ")


def test_the_outcome_goes_to_a_file(gates):
    assert main(["mutate", "silu", "--json", "audit.json"]) == 0
    whole = json.loads((gates / "audit.json").read_text())
    assert (whole["schema"], whole["selection"]) == ("capstone-audit/1", "silu")
    (subject,) = whole["subjects"]
    assert subject["killed"] + subject["equivalent"] == subject["mutants"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "mutate: say what to mutate: expected names, or --all, got neither"),
        (["--all", "silu"], "mutate: say what to mutate: expected names, or --all, got both"),
        (["sillu"], "mutate: unknown subject: expected one of "),
        (["gates.py:gate_bwd"], "mutate: gates.py:gate_bwd needs its forward function and its"),
        (["none.py:f", *INPUTS], "mutate: the file must exist: expected none.py, got no such file"),
        (["none:f", *INPUTS], "mutate: none must be loadable: expected Python without errors"),
        (["gates.py:f", *INPUTS], "mutate: gates.py must have what is asked for: expected a "),
        (["empty.py:f", *INPUTS], "mutate: empty.py must have what is asked for: expected a "),
        (["broken.py:f", *INPUTS], "mutate: broken.py must be loadable: expected Python without"),
        (
            ["gates.py:gate_bwd", "--forward", "gate_fwd", "--input", "a"],
            "mutate: --input must be a shape: expected 2,8,16",
        ),
        (["silu", "--json", "no/where.json"], "mutate: --json: must be writable"),
        (["silu", "--forward", "silu_fwd"], "mutate: silu brings its own inputs: expected no --f"),
        (["silu", "--input", "3"], "mutate: silu brings its own inputs: expected no --forward and"),
        (
            ["numpy:sin", "--forward", "cos", "--input", "3"],
            "mutate: audit: the gradient of sin must be right before",
        ),
    ],
)
def test_misuse_is_one_line(gates, capsys, words, message):
    (gates / "empty.py").write_text("")
    (gates / "broken.py").write_text("def f(:\n")
    assert main(["mutate", *words]) == 2
    out, error = capsys.readouterr()
    (line,) = error.splitlines()
    assert line.startswith(f"capstone {message}")
    assert out == ""
