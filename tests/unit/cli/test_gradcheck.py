"""`capstone gradcheck`: the table, the selection, and the exit codes 0, 1 and 2."""

import json

import numpy as np
import pytest

import capstone.ops.rmsnorm
import tolerances
from capstone.cases import CASES
from capstone.cli import main
from capstone.gradcheck import save_capsule
from capstone.gradcheck.capsules.recipe import named
from capstone.gradcheck.subjects.load_subject import load_subject


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


GATE = ["gates:gate", "--input", "3,5", "--input", "5"]
TILT = ["gates:tilt", *GATE[1:]]


INPUTS = [np.ones((3, 5)), np.ones(5)]


def gradcheck(capsys, *words):
    """Exit code, output, and what went to the other stream."""
    code = main(["gradcheck", *words])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    "words",
    [
        GATE,
        ["gates.py:gate_fwd", *GATE[1:]],
        ["gates:gate", "--design", "x: B D; w: D"],
        ["gates:right_scale", "--input", "3,5"],
        ["gates:gate", *GATE[1:], "--dtype", "float32", "--depth", "projection"],
    ],
)
def test_a_right_thing_is_right(gates, capsys, words):
    code, output, error = gradcheck(capsys, *words)
    assert (code, error) == (0, "")
    assert ": ok, " in output


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (TILT, "gate: d(w) disagrees"),
        ([*GATE, "--backward", "wrong_bwd"], "gate: d(w) disagrees"),
        (["gates:square", "--input", "4"], "square: d(x) disagrees"),
        (["gates:Scale", "--input", "3,5"], "Scale: d(w) disagrees"),
        (["gates:make_scale", "--input", "3,5"], "Scale: d(w) disagrees"),
    ],
)
def test_a_wrong_thing_is_wrong(gates, capsys, words, wrong):
    code, output, error = gradcheck(capsys, *words)
    assert (code, error) == (1, "")
    assert output.startswith(wrong)


def test_the_command_in_the_report_shows_the_same(gates, capsys):
    words = [*TILT, "--dtype", "float32", "--method", "ladder", "--seed", "3"]
    _, output, _ = gradcheck(capsys, *words)
    command = output.partition("  replay ")[2].split()
    assert command[:2] == ["capstone", "gradcheck"]
    assert gradcheck(capsys, *command[2:])[1] == output


def test_another_seed_draws_other_inputs(gates, capsys):
    errors = {gradcheck(capsys, *TILT, "--seed", seed)[1].splitlines()[2] for seed in "012"}
    assert len(errors) == 3


def test_integers_are_drawn_below_their_limit(gates, capsys):
    (gates / "table.py").write_text(
        "import numpy as np\n"
        "def pick_fwd(ids, table):\n    return table[ids], (ids, table)\n"
        "def pick_bwd(dy, saved):\n"
        "    ids, table = saved\n    grad = np.zeros_like(table)\n"
        "    np.add.at(grad, ids, dy)\n    return grad\n"
    )
    words = ["table.py:pick", "--input", "4,3<7", "--input", "7,5"]
    assert gradcheck(capsys, *words)[0] == 0


@pytest.mark.parametrize("words", [GATE, ["-k", "linear-D5"]])
def test_what_was_found_goes_to_files(gates, capsys, words):
    assert gradcheck(capsys, *words, "--json", "found.json", "--html", "found.html")[0] == 0
    whole = json.loads((gates / "found.json").read_text())
    assert whole["schema"] == "capstone-check/1"
    assert [check["ok"] for check in whole["checks"]] == [True]
    assert "<html" in (gates / "found.html").read_text()


def test_a_wrong_thing_goes_to_a_capsule_that_replays_it(gates, capsys):
    code, output, _ = gradcheck(capsys, *TILT, "--capsule", "gate.npz")
    assert code == 1
    assert "  capsule      capstone gradcheck --replay gate.npz\n" in output
    assert "inputs shrunk to (1, 1), (1,)\n" in output
    code, output, _ = gradcheck(capsys, "--replay", "gate.npz")
    assert code == 1
    assert "d(w) disagrees" in output


def test_a_capsule_of_what_has_been_mended_is_right(gates, capsys):
    gradcheck(capsys, *GATE, "--backward", "wrong_bwd", "--capsule", "gate.npz")
    assert gradcheck(capsys, "gates:gate", "--replay", "gate.npz")[0] == 0
    other = gradcheck(capsys, "gates:gate", "--backward", "wrong_bwd", "--replay", "gate.npz")
    assert other[0] == 1


def test_a_right_thing_needs_no_capsule(gates, capsys):
    code, output, _ = gradcheck(capsys, *GATE, "--capsule", "gate.npz")
    assert code == 0
    assert "  capsule      none: gate is right" in output
    assert not (gates / "gate.npz").exists()


def test_a_capsule_gives_a_test_to_copy(gates, capsys):
    gradcheck(capsys, *TILT, "--capsule", "gate.npz")
    code, text, _ = gradcheck(capsys, "--replay", "gate.npz", "--print-test")
    assert code == 0
    names = {}
    exec(text, names)
    with pytest.raises(AssertionError, match=r"d\(w\) disagrees"):
        names["test_gate_has_the_right_gradient"]()


@pytest.fixture
def traps(gates):
    """Files of all sorts that are no use."""
    (gates / "broken.py").write_text("def f(:\n")
    (gates / "failing.py").write_text("raise RuntimeError('on\\npurpose')\n")
    (gates / "notes.npz").write_text("no capsule")
    (gates / "empty.npz").write_text("")
    subject, options = load_subject("test", "gates:tilt", INPUTS)
    save_capsule("tilt.npz", subject, *INPUTS, **options, recipe=named("gates:tilt"))


@pytest.mark.usefixtures("traps")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gates:gate"], "gates:gate needs its inputs: expected --input SHAPE for each, or --des"),
        ([*GATE, "--design", "x: B D"], "gates:gate needs its inputs: expected --input SHAPE for"),
        (["gates", *GATE[1:]], "must name a thing: expected module:name or file.py:name"),
        (["none:f", *GATE[1:]], "none must be loadable: expected Python without errors"),
        (["none.py:f", *GATE[1:]], "the file must exist: expected none.py, got no such file"),
        (["broken.py:f", *GATE[1:]], "broken.py must be loadable: expected Python without errors"),
        (["failing.py:f", *GATE[1:]], "failing.py must be loadable"),
        (["gates:none", *GATE[1:]], "gates must have what is asked for: expected a definition of"),
        ([*GATE, "--backward", "none"], "gates must have what is asked for: expected a definit"),
        (
            [GATE[0] + "_fwd", *GATE[1:], "--backward", "right_scale"],
            "right_scale must be a function: expected a funct",
        ),
        (["gates:Sized", "--input", "3,5"], "Sized must work without arguments: expected Sized()"),
        (["gates:wrong_bwd", "--input", "3"], "the subject must have a backward pass"),
        (["gates:gate", "--input", "a"], "--input must be a shape: expected 2,8,16 or"),
        (["gates:gate", "--input", "3,5"], "forward of gate_fwd must run on the given inputs"),
        (["gates:gate", "--input", "3,5", "--input", "4"], "forward of gate_fwd must run on the"),
        (["gates:gate", "--design", "x: 2B"], "cannot read the spec of 'x'"),
        (["gates:gate", "--design", ";"], "spec must name at least one array"),
        ([*GATE, "--dtype", "bfloat16"], "--dtype: NumPy has no bfloat16: expected --library tor"),
        ([*GATE, "--seed", "-1"], "seed must be a non-negative integer: expected seed >= 0"),
        ([*GATE, "--html", "none/x.html"], "--html: must be writable: expected a file in a fold"),
        ([*GATE, "--json", "none/x.json"], "--json: must be writable: expected a file in a fold"),
        ([*GATE, "--json", "."], "--json: must be writable: expected a file in a folder that ex"),
        ([*TILT, "--capsule", "none/x.npz"], "--capsule: must be writable: expected a file in a"),
        ([*TILT, "--capsule", "gates.py"], "only a capsule is overwritten: expected a new file"),
        ([*GATE, "-k", "norm"], "-k selects built-in subjects: expected no THING and no --repl"),
        ([*GATE, "--print-test"], "--print-test needs a capsule: expected --replay FILE, got ga"),
        (["--input", "3"], "--input needs a THING: expected a THING, got none"),
        (["--capsule", "x.npz"], "--capsule needs a THING: expected a THING, got none"),
        (["--print-test"], "--print-test needs --replay FILE: expected --replay FILE, got none"),
        (["--replay", "none.npz"], "the capsule must be readable: expected a file, got No such"),
        (["--replay", "empty.npz"], "the file is empty: expected a capsule, got nothing in"),
        (["--replay", "notes.npz"], "the file is no capsule: expected an .npz archive, got ano"),
        (["--replay", "tilt.npz", "--input", "3"], "--input is for a check that is not in a cap"),
        (["--replay", "tilt.npz", "--backward", "f"], "--backward needs a THING: expected a THING"),
        (["gates:none", "--replay", "tilt.npz"], "gates must have what is asked for: expected a"),
    ],
)
def test_misuse_of_a_thing_is_one_line_and_exit_code_2(capsys, words, message):
    code, _, error = gradcheck(capsys, *words)
    assert code == 2
    (line,) = error.splitlines()
    assert line.startswith("capstone gradcheck: ")
    assert message in line


def test_a_subject_that_is_gone_is_misuse(gates, capsys, monkeypatch):
    gradcheck(capsys, *TILT, "--capsule", "tilt.npz")
    monkeypatch.delattr("gates.tilt_bwd")
    code, _, error = gradcheck(capsys, "--replay", "tilt.npz")
    assert code == 2
    assert error.count("\n") == 1


@pytest.mark.parametrize("word", ["--depth=deep", "--method=guess", "--library=cupy", "--seed=x"])
def test_an_unknown_choice_is_one_line(capsys, word):
    with pytest.raises(SystemExit) as caught:
        main(["gradcheck", word])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_help_fits_a_terminal_and_has_examples(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["gradcheck", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "capstone gradcheck norm.py:norm_fwd --backward norm_vjp" in text
    assert max(map(len, text.splitlines())) <= 80
