"""The diagnoses of a corpus of planted bugs, and of errors that have no explanation."""

from collections.abc import Iterator

import numpy as np
import pytest

from capstone.gradcheck import Op, Report, check
from unit.gradcheck.diagnosis.corpus.diagnosis_corpus import CORPUS
from unit.gradcheck.diagnosis.corpus.diagnosis_planting import Planted, subject_of

NAMED = 0.9  # share of planted bugs whose diagnosis must be of the right kind
SMALL_OPS = ["affine", "residual", "tiled", "divide", "lookup", "heads", "squares"]


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """Of all planted bugs."""
    return {planted.id: planted.report() for planted in CORPUS}


def kind_of(report: Report, planted: Planted) -> str:
    """Of the diagnosis of the first culprit."""
    return next(a.kind for a in report.arguments if a.name == planted.culprits[0])


def named(reports: dict[str, Report]) -> Iterator[Planted]:
    """The planted bugs whose diagnosis is of the right kind."""
    return (p for p in CORPUS if kind_of(reports[p.id], p) == p.kind)


def test_the_corpus_is_large_and_varied() -> None:
    assert len({planted.id for planted in CORPUS}) == len(CORPUS) >= 120
    assert len({planted.kind for planted in CORPUS}) >= 14


@pytest.mark.parametrize("subject", sorted({planted.subject for planted in CORPUS}))
def test_subjects_are_right_before_a_bug_is_planted(subject: str) -> None:
    right = subject_of(subject)
    check(Op(right.forward, right.backward, options=right.options), *right.inputs).raise_if_wrong()


def test_the_culprits_are_always_right(reports: dict[str, Report]) -> None:
    found = {p.id: sorted(reports[p.id].wrong_arguments) for p in CORPUS}
    assert found == {p.id: sorted(p.culprits) for p in CORPUS}


def test_nearly_all_diagnoses_are_right(reports: dict[str, Report]) -> None:
    assert len(list(named(reports))) >= NAMED * len(CORPUS)


@pytest.mark.parametrize("kind", sorted({planted.kind for planted in CORPUS}))
def test_every_kind_is_named_somewhere(reports: dict[str, Report], kind: str) -> None:
    assert kind in {planted.kind for planted in named(reports)}


def test_every_failure_fits_in_25_lines_of_100_columns(reports: dict[str, Report]) -> None:
    lines = [str(report).splitlines() for report in reports.values()]
    assert max(map(len, lines)) <= 25
    replay = "  replay"
    assert all(len(line) <= 100 for text in lines for line in text if not line.startswith(replay))


def test_no_diagnosis_is_cut_off(reports: dict[str, Report]) -> None:
    assert [name for name, report in reports.items() if "[...]" in str(report)] == []


@pytest.mark.parametrize("seed", range(60))
def test_unstructured_errors_are_not_explained(seed: int) -> None:
    rng = np.random.default_rng(seed)
    subject = subject_of(SMALL_OPS[seed % len(SMALL_OPS)])
    size = 10.0 ** rng.choice([-10, -5, -3, -1, 0, 1])

    def backward(dy: np.ndarray, saved: object) -> list[np.ndarray]:
        fresh = np.random.default_rng(seed)
        grads = subject.backward(dy, saved)
        noise = [size * np.abs(g).max() * fresh.standard_normal(g.shape) for g in grads]
        return [g + n for g, n in zip(grads, noise, strict=True)]

    report = check(Op(subject.forward, backward, options=subject.options), *subject.inputs)
    words = {a.diagnosis for a in report.arguments if not a.is_right}
    assert report.wrong_arguments == [argument.name for argument in report.arguments]
    assert all(text.startswith("no simple transformation") for text in words)
