"""Bugs planted by machine in every backward pass: the cases of its subject find them all."""

import pytest

from capstone.cases import CASES
from capstone.cli.mutate import SUBJECTS, point_of
from capstone.gradcheck.audit.audit import audit_points


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_planted_bug_survives(subject: str) -> None:
    audit = audit_points([point_of(case) for case in CASES if case.subject == subject], subject)
    assert audit.count("killed") > 0
    assert audit.survivors == []
