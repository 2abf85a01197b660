"""The diagnoses of bugs that the diagnosis was not made for."""

from collections.abc import Iterator

import pytest

from capstone.gradcheck import Report
from unit.gradcheck.diagnosis.corpus.diagnosis_held_out import HELD_OUT
from unit.gradcheck.diagnosis.corpus.held_out_bug import (
    POINTS,
    HeldOutBug,
    is_named,
    random_report,
    right_report,
)

NAMED = 0.9  # share of the bugs whose diagnosis must be of an expected kind


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """Of all bugs."""
    return {bug.id: bug.report() for bug in HELD_OUT}


def named(reports: dict[str, Report]) -> Iterator[HeldOutBug]:
    """The bugs whose diagnosis is of an expected kind."""
    return (bug for bug in HELD_OUT if is_named(bug, reports[bug.id]))


def test_the_corpus_is_large_and_varied() -> None:
    assert len({bug.id for bug in HELD_OUT}) == len(HELD_OUT) >= 200
    assert len({bug.kinds[0] for bug in HELD_OUT}) >= 30
    assert {bug.op for bug in HELD_OUT} == set(POINTS)


@pytest.mark.parametrize("op", sorted(POINTS))
def test_ops_are_right_before_a_bug_is_planted(op: str) -> None:
    right_report(op).raise_if_wrong()


def test_the_culprits_are_always_right(reports: dict[str, Report]) -> None:
    found = {bug.id: sorted(reports[bug.id].wrong_arguments) for bug in HELD_OUT}
    assert found == {bug.id: sorted(bug.culprits) for bug in HELD_OUT}


def test_nearly_all_diagnoses_are_right(reports: dict[str, Report]) -> None:
    assert len(list(named(reports))) >= NAMED * len(HELD_OUT)


def test_no_diagnosis_is_cut_off(reports: dict[str, Report]) -> None:
    texts = [str(report) for report in reports.values()]
    assert max(len(text.splitlines()) for text in texts) <= 25
    assert not any("[...]" in text for text in texts)


@pytest.mark.parametrize(("seed", "op"), list(enumerate(sorted(POINTS))))
def test_random_errors_are_not_explained(seed: int, op: str) -> None:
    report = random_report(op, seed)
    assert report.wrong_arguments
    assert {argument.kind for argument in report.arguments} == {""}
