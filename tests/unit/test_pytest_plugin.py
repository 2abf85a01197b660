"""The plugin, as it behaves in a project of its own."""

import functools
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

import capstone.gradcheck.audit.returned
from capstone.gradcheck.check import DEPTHS, METHODS
from capstone.pytest_options import CHECK_OPTIONS
from unit.plugin_project import RIGHT, WRONG, run_project

pytest_plugins = ["pytester"]

PACKAGE = Path(capstone.__file__).parent


@pytest.fixture
def run(pytester):
    """Run pytest on some tests with the plugin of this checkout."""
    return functools.partial(run_project, pytester)


@pytest.fixture
def report(run, pytester):
    """The JSON report of a run."""

    def report(tests, *words, ini=""):
        run(tests, "--gradcheck-report=report.json", *words, ini=ini)
        return json.loads((pytester.path / "report.json").read_text())

    return report


def test_a_right_gradient_passes_and_a_wrong_one_fails_with_its_diagnosis(run):
    result = run(RIGHT + WRONG)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "gradcheck: seed 0",
            "E *GradientMismatch: sin: d(x) disagrees with the derivative by complex step",
            "E *replay *test_project.py::test_wrong* --gradcheck-replay *",
            "gradcheck: 2 checks, 6 entries, 1 WRONG",
        ]
    )
    result.stdout.no_fnmatch_line("*raise_if_wrong*")


def test_a_test_that_never_calls_the_fixture_fails(run):
    result = run("def test_idle(gradcheck):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["asks for the fixture gradcheck and never calls it"])


def test_a_skipped_or_failing_test_is_not_blamed_for_not_calling(run):
    result = run(
        "def test_skipped(gradcheck):\n    pytest.skip('no reason')\n"
        "def test_failing(gradcheck):\n    raise KeyError('of its own')\n"
    )
    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.no_fnmatch_line("*never calls it*")


def test_a_vacuous_check_fails(run):
    test = "def test_zero(gradcheck):\n    gradcheck(np.sign, X, backward=lambda dy, x: 0 * dy)\n"
    result = run(test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nothing but zeros*"])


def test_the_marker_gives_options(run):
    run(
        "@pytest.mark.gradcheck(method='ladder', depth='projection')\n"
        "def test_marked(gradcheck):\n"
        "    report = gradcheck(np.sin, X, backward=right)\n"
        "    assert (report.method, report.depth) == ('noise-limited ladder', 'projection')\n"
    ).assert_outcomes(passed=1)


def test_the_command_line_and_the_ini_file_give_options(run):
    test = (
        "def test_depth(gradcheck):\n"
        "    assert gradcheck(np.sin, X, backward=right).depth == 'projection'\n"
    )
    run(test, "--gradcheck-depth=projection").assert_outcomes(passed=1)
    run(test, ini="gradcheck_depth = projection").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--gradcheck-seed=x", "--gradcheck-seed: must be a whole number: expected 0 or more"),
        ("--gradcheck-replay=xyz", "--gradcheck-replay: must be what a failed check printed"),
        ("--gradcheck-report=a.txt", "--gradcheck-report: the ending decides what is written"),
        ("--gradcheck-report=", "--gradcheck-report: the ending decides *, got ''"),
        ("--gradcheck-report=/dev/null/a.json", "--gradcheck-report: the file must be writable"),
        ("--gradcheck-budget=x", "--gradcheck-budget: must be a positive number: expected seconds"),
        ("--gradcheck-budget=0", "--gradcheck-budget: must be a positive number: expected seconds"),
        (
            "--gradcheck-budget=nan",
            "--gradcheck-budget: must be a positive number: expected *'nan'",
        ),
        ("--gradcheck-depth=deep", "--gradcheck-depth: unknown depth: expected one of auto, per_*"),
        ("--gradcheck-method=", "--gradcheck-method: unknown method: expected one of *, got ''"),
        ("--gradcheck-capsules=conftest.py", "--gradcheck-capsules: must be a folder: expected a"),
    ],
)
def test_a_wrong_option_is_one_line(run, word, message):
    result = run(RIGHT, word)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}*"])


@pytest.mark.parametrize(("name", "known"), [("depth", DEPTHS), ("method", METHODS)])
def test_options_may_be_what_check_knows(name, known):
    assert CHECK_OPTIONS[name] == known


def test_a_wrong_argument_is_shown_where_the_test_gave_it(run):
    result = run("def test_it(gradcheck):\n    gradcheck(np.sin, X, backward=right, depth='no')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UsageError: check: unknown depth: expected one of auto*"])
    result.stdout.no_fnmatch_line("*refuse(*")


def seeds(report):
    return {check["test"].rpartition("::")[2]: check["seed"] for check in report["checks"]}


def test_seeds_depend_on_the_test_alone(report):
    second = RIGHT.replace("test_right", "test_second")
    alone = seeds(report(RIGHT + second, "-k", "second"))
    both = seeds(report(RIGHT + second))
    spread = seeds(report(RIGHT + second, "-n", "2"))
    assert both == spread == {**both, **alone}
    assert both["test_right"] != both["test_second"]


def test_another_base_seed_gives_other_seeds(report):
    assert seeds(report(RIGHT)) != seeds(report(RIGHT, "--gradcheck-seed=1"))


def test_an_extra_seed_runs_each_check_once_more(report, run):
    assert len(report(RIGHT, "--gradcheck-extra-seed=7")["checks"]) == 2
    run(RIGHT, "--gradcheck-extra-seed=new").stdout.fnmatch_lines(["gradcheck: seed 0, extra *"])


def test_a_replay_takes_the_seed_that_was_printed(report):
    seed = seeds(report(WRONG))["test_wrong"]
    again = report(WRONG, "--gradcheck-seed=5", f"--gradcheck-replay={seed:x}")
    assert seeds(again)["test_wrong"] == seed


def test_the_report_counts_what_happened(report):
    tests = (
        RIGHT
        + WRONG
        + "def test_skipped():\n    pytest.skip('no reason')\n"
        + "@pytest.mark.xfail\ndef test_known():\n    raise KeyError\n"
    )
    run = report(tests)["run"]
    counted = ("collected", "passed", "failed", "skipped", "xfailed", "errors", "exit_status")
    assert [run[key] for key in counted] == [4, 1, 1, 1, 1, 0, 1]
    assert run["selection"] == []


@pytest.mark.parametrize("words", [[], ["-n", "2"]])
def test_the_report_says_what_was_left_out(report, words):
    run = report(RIGHT + WRONG, "-k", "right", *words)["run"]
    assert (run["collected"], run["deselected"], run["passed"]) == (1, 1, 1)
    assert run["selection"] == ["-k right"]


@pytest.mark.parametrize(
    ("words", "selection"),
    [
        (["-m", "not slow"], ["-m not slow"]),
        (["-x"], ["--maxfail 1"]),
        (["--maxfail=3"], ["--maxfail 3"]),
        (["--deselect=test_project.py::test_wrong"], ["--deselect test_project.py::test_wrong"]),
        (["--ignore=other"], ["--ignore other"]),
        (["--ignore-glob=o*"], ["--ignore-glob o*"]),
        (["-o", "python_functions=test_r*"], ["-o python_functions=test_r*"]),
        (["-o", "xfail_strict=true"], []),
    ],
)
def test_whatever_makes_a_run_partial_is_on_record(report, words, selection):
    assert report(RIGHT, *words)["run"]["selection"] == selection


def test_the_paths_of_a_run_are_on_record(run, pytester):
    (pytester.path / "part").mkdir()
    run(RIGHT, "--gradcheck-report=report.json", "part")
    facts = json.loads((pytester.path / "report.json").read_text())["run"]
    assert facts["paths"] == ["part", "."]


def test_a_crash_of_a_process_is_on_record(report):
    crash = "def test_crash():\n    import os\n    os._exit(1)\n"
    run = report(RIGHT + crash, "-n", "2", "--max-worker-restart=0")["run"]
    assert run["failed"] > 0
    assert run["exit_status"] != 0


def test_the_report_of_yesterday_does_not_survive_a_run_that_dies(run, pytester):
    path = pytester.path / "report.json"
    path.write_text("of yesterday")
    pytester.makepyfile(dying="def pytest_collection(session):\n    raise KeyError\n")
    pytester.syspathinsert()
    result = run(RIGHT, "--gradcheck-report=report.json", "-p", "dying")
    assert result.ret != 0
    assert not path.exists() or json.loads(path.read_text())["run"]["exit_status"] != 0


def test_a_report_that_cannot_be_written_is_known_before_any_test(run, pytester):
    (pytester.path / "report.json").mkdir()
    result = run(RIGHT, "--gradcheck-report=report.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --gradcheck-report: the file must be writable: *"])


def test_a_collection_error_is_on_record(report):
    run = report("raise KeyError\n")["run"]
    assert (run["errors"], run["passed"]) == (1, 0)
    assert run["exit_status"] != 0


def test_no_tests_are_on_record(report):
    run = report("")["run"]
    assert run["collected"] == 0
    assert run["exit_status"] == pytest.ExitCode.NO_TESTS_COLLECTED


def test_what_tests_record_besides_is_in_the_report(report):
    test = "def test_noted(record_property):\n    record_property('allowed', 1e-12)\n"
    assert report(test)["properties"] == {"allowed": [1e-12]}


def test_what_json_does_not_know_is_recorded_in_words(report):
    test = "def test_noted(record_property):\n    record_property('path', pytest)\n"
    (noted,) = report(test)["properties"]["path"]
    assert noted.startswith("<module 'pytest'")


def test_the_page_is_one_file_that_names_every_check(run, pytester):
    run(RIGHT + WRONG, "--gradcheck-report=page.html")
    page = (pytester.path / "page.html").read_text()
    assert "1 of 2 checks wrong" in page
    assert "<svg" in page


def test_checks_land_in_junit(run, pytester):
    run(RIGHT, "--junitxml=junit.xml")
    (found,) = ElementTree.parse(pytester.path / "junit.xml").iter("property")
    assert found.get("name") == "gradcheck"
    assert json.loads(found.get("value"))["ok"] is True


def test_the_sensitivity_control_is_part_of_the_record(report):
    found = report(RIGHT, "--gradcheck-sensitivity")
    assert found["run"]["sensitivity"] is True
    assert [check["missed"] for check in found["checks"]] == [[]]
    assert [check["missed"] for check in report(RIGHT)["checks"]] == [None]


def test_a_check_that_passes_planted_errors_fails_under_the_control(run):
    deaf = (
        "def test_deaf(gradcheck, monkeypatch):\n"
        "    from capstone.gradcheck.audit import returned\n"
        "    original = returned.check_subject\n"
        "    def deaf(subject, options):\n"
        "        return original(getattr(subject, 'subject', subject), options)\n"
        "    monkeypatch.setattr(returned, 'check_subject', deaf)\n"
        "    gradcheck(np.sin, X, backward=right)\n"
    )
    run(deaf).assert_outcomes(passed=1)
    result = run(deaf, "--gradcheck-sensitivity")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the check is right but passes planted errors: one entry*"])


MANY = (
    "from hypothesis import given, settings, strategies as st\n"
    "@settings(deadline=None, max_examples=20)\n"
    "@given(st.floats(0.1, 2.0))\n"
    "def test_many(gradcheck, x):\n"
    "    gradcheck(np.sin, np.array([x, 2 * x]), backward=right)\n"
)


def test_hypothesis_may_call_it_again_and_again(run):
    run(MANY).assert_outcomes(passed=1)


@pytest.mark.parametrize("words", [[], ["-n", "2"]])
def test_the_sensitivity_control_works_with_hypothesis_and_in_processes(report, words):
    found = report(RIGHT + MANY, "--gradcheck-sensitivity", *words)
    assert (found["run"]["passed"], found["run"]["failed"]) == (2, 0)
    assert len(found["checks"]) > 2
    assert all(check["missed"] == [] for check in found["checks"])


def test_without_the_plugin_there_is_no_fixture(run):
    result = run(RIGHT, "-p", "no:gradcheck")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'gradcheck' not found*"])


def test_the_plugin_is_found_by_its_entry_point():
    (entry,) = entry_points(group="pytest11", name="gradcheck")
    assert entry.value == "capstone.pytest_plugin"


def test_help_lists_every_option_and_setting(run):
    result = run("", "--help")
    names = ("seed", "depth", "method", "budget", "report", "extra-seed", "replay", "sensitivity")
    for name in names:
        result.stdout.fnmatch_lines([f"*--gradcheck-{name}*"])
    for name in names[:5]:
        result.stdout.fnmatch_lines([f"*gradcheck_{name}*"])


def test_the_marker_is_listed(run):
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.gradcheck(*options of `check`*"])


def in_another_process(code):
    """What a fresh interpreter prints that has the package of this checkout."""
    places = os.pathsep.join(map(str, [PACKAGE.parent, *sys.path]))
    env = {**os.environ, "PYTHONPATH": places}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    return done.stdout.strip()


def test_loading_the_plugin_does_not_load_numpy():
    code = "import sys, capstone.pytest_plugin; print('numpy' in sys.modules)"
    assert in_another_process(code) == "False"


def test_a_run_without_a_check_does_not_load_numpy(tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    words = ["-q", "-p", "no:hypothesispytest", "-p", "no:cacheprovider", str(tmp_path)]
    code = f"import sys, pytest; pytest.main({words}); print('numpy' in sys.modules)"
    assert in_another_process(code).splitlines()[-1] == "False"
