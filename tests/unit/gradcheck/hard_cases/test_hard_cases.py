"""Sixty ways in which gradient checks raise false alarms or miss bugs: none of them works here."""

import pytest

from capstone.gradcheck import Report, check
from unit.gradcheck.hard_cases.hard_cases import ROWS
from unit.gradcheck.hard_cases.hard_row import Row, Trial

SEEDS = range(3)
FAR_SEED = 20_000  # of the one check that is enough for inputs that hide a bug


def trials(kind: str) -> list[object]:
    """Parameters: every trial of a kind, with its row."""
    return [
        pytest.param(row, trial, id=row.id if number == 0 else f"{row.id}-{number + 1}")
        for row in ROWS
        for number, trial in enumerate(getattr(row, kind))
    ]


def run(row: Row, trial: Trial, seed: int, **options: object) -> Report:
    subject, *inputs = trial()
    return check(subject, *inputs, seed=seed, **{**row.options, **options})


@pytest.mark.parametrize(("row", "trial"), trials("good"))
def test_a_right_subject_raises_no_alarm(row: Row, trial: Trial) -> None:
    for seed in SEEDS:
        run(row, trial, seed).raise_if_wrong()


@pytest.mark.parametrize(("row", "trial"), trials("bad"))
def test_a_wrong_subject_is_found(row: Row, trial: Trial) -> None:
    for seed in SEEDS:
        report = run(row, trial, seed)
        assert not report.ok
        found = {finding.rule for finding in report.findings}
        assert row.rule in found if row.rule else report.wrong_arguments or "contract" in found


@pytest.mark.parametrize(("row", "trial"), trials("blind"))
def test_the_usual_inputs_hide_the_bug(row: Row, trial: Trial) -> None:
    assert run(row, trial, FAR_SEED).ok
