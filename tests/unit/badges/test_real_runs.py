"""From a run of pytest to a badge: only a whole run is green, whatever leaves a part of it out."""

import pytest

import capstone.gradcheck.audit.returned  # noqa: F401 -- NumPy cannot be loaded twice
from capstone.badges.draw import GREEN, GREY, RED
from capstone.badges.judge import JUDGES, make_badge
from unit.plugin_project import RIGHT, WRONG, run_project

pytest_plugins = ["pytester"]

TWO = RIGHT + RIGHT.replace("test_right", "test_second")
SKIPPED = "def test_skipped():\n    pytest.skip('not now')\n"
LOOSE = (
    "def test_loose(gradcheck):\n"
    "    gradcheck(lambda x: np.sin(x) + 1e8, X, backward=right, method='ladder')\n"
)


@pytest.fixture
def badge(pytester):
    """The badge of a run in the folder of the gradient checks."""

    def badge(tests, *words):
        options = ["--gradcheck-sensitivity", "--gradcheck-report=report.json"]
        run_project(pytester, tests, *options, *words, where="tests/gradcheck")
        return make_badge("gradcheck", pytester.path / "report.json", JUDGES["gradcheck"])

    return badge


@pytest.mark.parametrize("words", [[], ["-n", "2"], ["-v"], ["-p", "no:randomly"]])
def test_a_whole_run_is_green(badge, words):
    found = badge(TWO, *words)
    assert (found.color, found.reasons) == (GREEN, ())


@pytest.mark.parametrize(
    "words",
    [
        ["-k", "right"],
        ["-k", "test"],
        ["-m", "not slow"],
        ["-x"],
        ["--maxfail=9"],
        ["--deselect=tests/gradcheck/test_project.py::test_second"],
        ["--ignore=tests/gradcheck/test_other.py"],
        ["--ignore-glob=*other*"],
        ["-o", "python_functions=test_r*"],
        ["--collect-only"],
        ["tests/gradcheck/test_project.py"],
        ["tests"],
        ["--setup-only"],
    ],
    ids=" ".join,
)
def test_a_partial_run_is_not(badge, words):
    assert badge(TWO, *words).color == RED


@pytest.mark.parametrize(
    "tests",
    ["", SKIPPED, TWO + SKIPPED, "raise KeyError\n", TWO + WRONG],
    ids=["none", "all skipped", "one skipped", "collection error", "one failure"],
)
def test_a_run_in_which_not_all_went_well_is_not(badge, tests):
    assert badge(tests).color == RED


def test_a_run_without_the_sensitivity_control_is_not(pytester):
    options = ["--gradcheck-report=report.json"]
    run_project(pytester, TWO, *options, where="tests/gradcheck")
    found = make_badge("gradcheck", pytester.path / "report.json", JUDGES["gradcheck"])
    assert found.color == RED
    assert "the sensitivity control did not run" in found.reasons


def test_a_crash_of_a_process_is_not(badge):
    crash = "def test_crash():\n    import os\n    os._exit(1)\n"
    assert badge(TWO + crash, "-n", "2", "--max-worker-restart=0").color == RED


def test_a_misspelled_option_leaves_nothing_to_judge(badge):
    assert badge(TWO, "--no-such-option").color == GREY


def test_a_bound_that_had_to_be_widened_is_not(badge):
    found = badge(TWO + LOOSE)
    assert found.color == RED
    assert any(reason.startswith("loosened: ") for reason in found.reasons)
