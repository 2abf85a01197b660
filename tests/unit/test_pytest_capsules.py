"""Failed checks of a run of pytest, kept in capsules, and a capsule taken back into its test."""

import subprocess
import sys

import pytest

import capstone.gradcheck
from capstone.cli import main
from capstone.gradcheck import load_capsule, save_capsule
from unit import test_pytest_plugin as plugin
from unit.gradcheck.samples import draw
from unit.test_pytest_plugin import RIGHT, WRONG

pytest_plugins = ["pytester"]
run = plugin.run  # the fixture

LAMBDA = (
    "def test_local(gradcheck):\n"
    "    gradcheck(lambda x: x ** 2, X, backward=lambda dy, x: 3 * dy * x)\n"
)


@pytest.fixture
def capsules(run, pytester):
    """The output of a run that keeps capsules, and those."""

    def capsules(tests, *words, **how):
        result = run(tests, "--gradcheck-capsules=kept", *words, **how)
        return result, sorted((pytester.path / "kept").glob("*.npz"))

    return capsules


def failure(result):
    """The lines of the report in the output."""
    marked = [line.removeprefix("E   ").rstrip() for line in result.outlines if line[:4] == "E   "]
    return [line.strip() for line in marked]


def test_a_failed_check_leaves_a_capsule_and_a_line_about_it(capsules):
    result, files = capsules(WRONG)
    (file,) = files
    assert file.name.startswith("test_wrong-")
    line = f"capsule      capstone gradcheck --replay kept/{file.name}"
    assert failure(result)[-1] == line
    assert load_capsule(file).found == {"test": "test_project.py::test_wrong", "call": 1}


def test_the_capsule_is_small(capsules):
    _, (file,) = capsules(WRONG)
    assert [array.tolist() for array in load_capsule(file).restored_inputs()] == [[0.0]]


def test_the_command_of_the_line_replays_it(capsules, capsys):
    result, _ = capsules(WRONG)
    command = failure(result)[-1].split()[1:]
    capsys.readouterr()
    assert main(command[1:]) == 1
    assert "sin: d(x) disagrees" in capsys.readouterr().out


def test_a_right_check_leaves_none(capsules):
    result, files = capsules(RIGHT)
    result.assert_outcomes(passed=1)
    assert files == []


def test_without_the_option_there_is_no_line(run):
    run(WRONG).stdout.no_fnmatch_line("*capsule*")


def test_the_ini_file_may_name_the_folder(run, pytester):
    run(WRONG, ini="gradcheck_capsules = elsewhere")
    assert len(list((pytester.path / "elsewhere").iterdir())) == 1


def test_two_checks_have_two_files(capsules):
    tests = "".join(WRONG.replace("test_wrong", f"test_wrong_{name}") for name in "ab")
    assert len(capsules(tests)[1]) == 2
    assert len(capsules(tests, "-n", "2")[1]) == 2


def test_a_capsule_goes_back_into_its_test(capsules, run):
    _, (file,) = capsules(LAMBDA + WRONG, "-k", "local")
    result = run(LAMBDA + WRONG, f"--gradcheck-replay={file}")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["gradcheck: *replay of test_project.py::test_local"])
    result.stdout.fnmatch_lines(
        ["E *argument     x  shape (1,)*", "E *argument     x  shape (3,)*"]
    )


def test_what_has_no_name_is_replayed_by_its_test(capsules):
    result, (file,) = capsules(LAMBDA)
    assert failure(result)[-1] == f"capsule      pytest ... --gradcheck-replay kept/{file.name}"


def test_a_capsule_goes_into_the_call_that_it_is_of(capsules, run):
    twice = (
        "def test_twice(gradcheck):\n"
        "    assert gradcheck(np.cos, X, backward=lambda dy, x: -dy * np.sin(x)).compared == 3\n"
        "    gradcheck(np.sin, X, backward=wrong)\n"
    )
    _, (file,) = capsules(twice)
    result = run(twice, f"--gradcheck-replay={file}")
    result.stdout.fnmatch_lines(["E *argument     x  shape (1,)*"])


def test_a_capsule_of_a_mended_gradient_passes(capsules, run):
    _, (file,) = capsules(WRONG)
    mended = WRONG.replace("backward=wrong", "backward=right")
    run(mended, f"--gradcheck-replay={file}").assert_outcomes(passed=1)


def test_an_example_of_hypothesis_is_kept_and_goes_back(capsules, run):
    tests = (
        "from hypothesis import given, settings, strategies as st\n"
        "@settings(database=None)\n"
        "@given(st.sampled_from([0.5, 1.0, 2.0]))\n"
        "def test_many(gradcheck, x):\n"
        "    gradcheck(np.sin, np.array([x, 2 * x]), backward=wrong)\n"
    )
    _, (file,) = capsules(tests)
    assert load_capsule(file).found["call"] == 0
    run(tests, f"--gradcheck-replay={file}").assert_outcomes(failed=1)


def test_a_long_path_is_not_in_the_line(run, pytester):
    folder = pytester.path / ("deep" * 20)
    result = run(WRONG, f"--gradcheck-capsules={folder}")
    (file,) = folder.iterdir()
    assert failure(result)[-1] == f"capsule      {file.name} in the folder of capsules"


def test_a_failure_stays_within_25_lines_of_100_columns(run, pytester):
    tests = (
        "def test_long(gradcheck):\n"
        "    from capstone.gradcheck import Op\n"
        "    def fwd(*xs):\n        return sum(abs(x) for x in xs), xs\n"
        "    def bwd(dy, xs):\n        return tuple(3 * dy * (x < 9) for x in xs)\n"
        "    gradcheck(Op(fwd, bwd), *[X + n for n in range(9)])\n"
    )
    result = run(tests, "--gradcheck-capsules=kept")
    lines = failure(result)
    start = next(n for n, line in enumerate(lines) if "GradientMismatch: " in line)
    assert len(lines) - start <= 25
    assert lines[-1].startswith("capsule ")
    assert all(len(line) <= 100 for line in lines[start + 1 :] if not line.startswith("replay"))


def test_a_folder_that_cannot_be_made_does_not_hide_the_failure(run, pytester):
    (pytester.path / "file").write_text("")
    result = run(WRONG, "--gradcheck-capsules=file/folder")
    lines = failure(result)
    assert "sin: d(x) disagrees with the derivative by complex step" in " ".join(lines)
    assert lines[-1].startswith("capsule      none: ")


def test_options_that_cannot_be_kept_do_not_hide_the_failure(capsules):
    tests = (
        "def test_strange(gradcheck):\n"
        "    gradcheck(np.sin, X, backward=wrong, upstream=X, wrt=np.array([0]))\n"
    )
    result, files = capsules(tests)
    assert "sin: d(x) disagrees" in failure(result)[0]
    assert failure(result)[-1].startswith("capsule      none: save_capsule: wrt must be a plain")
    assert files == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.npz", "load_capsule: the capsule must be readable: expected a file"),
        ("notes.npz", "load_capsule: the file is no capsule"),
        ("own.npz", "the capsule must come from a test: expected a failed one, got none; use caps"),
    ],
)
def test_another_file_is_one_line(run, pytester, name, message):
    (pytester.path / "notes.npz").write_text("no capsule")
    save_capsule(pytester.path / "own.npz", capstone.gradcheck.Op(abs, abs), draw(3))
    result = run(RIGHT, f"--gradcheck-replay={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --gradcheck-replay: {message}*"])


def test_loading_the_module_does_not_load_numpy():
    code = "import sys, capstone.pytest_capsules; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
