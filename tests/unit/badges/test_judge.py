import json
import math

import pytest

from capstone.badges.draw import GREEN, GREY, RED
from capstone.badges.judge import JUDGES, make_badge
from unit.badges.reports import WHOLE, argument, audit, audited, check, suite

SUITES = {"gradcheck": "tests/gradcheck", "oracle": "tests/oracle", "benchmarks": "benchmarks"}


@pytest.fixture
def judged(tmp_path):
    """The badge of a report that is written to a file first."""

    def judge(name, report):
        path = tmp_path / "report.json"
        path.write_text(report if isinstance(report, str) else json.dumps(report))
        return make_badge(name, path, JUDGES[name])

    return judge


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gradcheck", "all right"),
        ("oracle", "all agree"),
        ("audit", "100 % killed"),
        ("benchmarks", "all timed"),
    ],
)
def test_a_whole_and_right_run_is_green(judged, name, words):
    badge = judged(name, WHOLE[name])
    assert (badge.color, badge.message, badge.reasons) == (GREEN, words, ())


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"collected": 0, "passed": 0, "exit_status": 5}, "the run ended with exit status 5"),
        ({"collected": 0, "passed": 0}, "0 of 0 tests passed"),
        ({"passed": 0, "skipped": 3}, "3 skipped"),
        ({"errors": 1, "exit_status": 2}, "1 errors"),
        ({"passed": 2, "failed": 1, "exit_status": 1}, "1 failed"),
        ({"deselected": 1}, "1 deselected"),
        ({"passed": 2, "xfailed": 1}, "1 xfailed"),
        ({"passed": 2, "xpassed": 1}, "1 xpassed"),
        ({"passed": 2}, "2 of 3 tests passed"),
        ({"exit_status": 2}, "the run ended with exit status 2"),
        ({"selection": ["-k attention"]}, "partial: run with -k attention"),
        ({"selection": ["--maxfail 1"]}, "partial: run with --maxfail 1"),
        ({"paths": ["tests/part"]}, "partial: of tests/part in place of {suite}"),
        ({"paths": ["tests", "more"]}, "partial: of tests, more in place of {suite}"),
    ],
)
def test_a_run_that_is_not_whole_or_not_right_is_red(judged, name, run, reason):
    badge = judged(name, suite(SUITES[name], run=run))
    assert badge.color == RED
    assert reason.format(suite=SUITES[name]) in badge.reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"checks": []}, "no gradient was checked"),
        (
            {"checks": [check(), check(name="silu", ok=False)]},
            "1 gradients are not right, silu among them",
        ),
        ({"run": {"sensitivity": False}}, "the sensitivity control did not run"),
        (
            {"checks": [check(missed=["a sign"])]},
            "1 checks pass planted errors, that of rmsnorm among them",
        ),
        (
            {"checks": [check(missed=None)]},
            "1 checks pass planted errors, that of rmsnorm among them",
        ),
        (
            {"checks": [check(), check(arguments=[argument(compared=0)])]},
            "1 checks compared no entry, that of rmsnorm among them",
        ),
        (
            {"checks": [check(arguments=[argument(norm_allowed=None)])]},
            "loosened: 1 bounds are above the bar, rmsnorm among them",
        ),
        (
            {"checks": [check(arguments=[argument(norm_allowed=1e-6)])]},
            "loosened: 1 bounds are above the bar, rmsnorm among them",
        ),
    ],
)
def test_checks_that_prove_nothing_are_red(judged, changes, reason):
    badge = judged("gradcheck", suite(**changes))
    assert (badge.color, badge.reasons) == (RED, (reason,))


def test_a_lower_precision_may_allow_more(judged):
    coarse = argument(dtype="float32", norm_allowed=1e-5)
    assert judged("gradcheck", suite(checks=[check(arguments=[coarse])])).color == GREEN


def test_a_bound_that_is_no_number_is_loosened(judged):
    loose = argument(norm_allowed=math.nan)
    assert judged("gradcheck", suite(checks=[check(arguments=[loose])])).color == RED


def test_an_oracle_with_a_loosened_tolerance_is_red(judged):
    badge = judged("oracle", suite("tests/oracle", properties={"allowed": [1e-12, 1e-6]}))
    assert badge.reasons == ("loosened: 1e-06 is allowed, the bar is 1e-12",)
    assert badge.color == RED


def test_a_bound_of_the_oracle_that_is_no_number_is_loosened(judged):
    report = suite("tests/oracle", properties={"allowed": [1e-12, math.nan, 1e-12]})
    assert judged("oracle", report).color == RED


def test_an_oracle_that_compared_nothing_is_red(judged):
    badge = judged("oracle", suite("tests/oracle", properties={}))
    assert (badge.color, badge.reasons) == (RED, ("nothing was compared",))


def test_benchmarks_that_were_not_timed_are_red(judged):
    badge = judged("benchmarks", suite("benchmarks", properties={}))
    assert (badge.color, badge.reasons) == (RED, ("0 of 3 benchmarks were timed",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"selection": "rmsnorm"}, "partial: rmsnorm"),
        ({"subjects": []}, "no planted bug was found"),
        (
            {"subjects": [audited(), audited(name="silu", mutants=1, killed=0)]},
            "no bug could be planted in silu",
        ),
        ({"subjects": [audited(killed=7, survived=1)]}, "1 planted bugs survive"),
        ({"subjects": [audited(killed=7)]}, "1 planted bugs survive"),
    ],
)
def test_an_audit_that_is_not_whole_or_finds_survivors_is_red(judged, changes, reason):
    badge = judged("audit", audit(**changes))
    assert (badge.color, badge.reasons) == (RED, (reason,))


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"schema": "capstone-gradcheck/2"}', "[" * 100_000]
)
def test_a_corrupt_report_is_grey_and_says_so(judged, name, text):
    badge = judged(name, text)
    assert (badge.color, badge.message) == (GREY, "no data")
    assert badge.reasons


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *((name, "run") for name in SUITES),
        ("gradcheck", "checks"),
        ("oracle", "properties"),
        ("benchmarks", "properties"),
        ("audit", "subjects"),
        ("audit", "selection"),
    ],
)
def test_a_report_that_lacks_a_part_is_grey(judged, name, key):
    badge = judged(name, {k: v for k, v in WHOLE[name].items() if k != key})
    assert badge.color == GREY
    assert "not a whole report" in badge.reasons[0]


@pytest.mark.parametrize("name", JUDGES)
def test_a_green_badge_says_nothing_that_a_further_test_would_change(judged, name):
    larger = json.loads(json.dumps(WHOLE[name]))
    for key in ("checks", "subjects"):
        larger[key] = larger.get(key, []) * 2
    if "run" in larger:
        larger["run"] |= {"collected": 4, "passed": 4}
        larger["properties"] = {"allowed": [1e-13] * 9, "timed": [1] * 4}
    assert judged(name, larger) == judged(name, WHOLE[name])


def test_a_missing_report_is_grey(tmp_path):
    badge = make_badge("oracle", tmp_path / "none.json", JUDGES["oracle"])
    assert badge.color == GREY
    assert "none.json: cannot be read" in badge.reasons[0]


def test_no_report_is_grey():
    badge = make_badge("oracle", None, JUDGES["oracle"])
    assert (badge.color, badge.reasons) == (GREY, ("no report was given",))
