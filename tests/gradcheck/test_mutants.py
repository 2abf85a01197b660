"""Planted bugs: each must be rejected, and the right argument blamed."""

import numpy as np
import pytest

from capstone import layers, ops
from capstone.gradcheck import Op, Report, check
from cases import CASES, MODEL_CASES, run_check
from gradcheck import field_ops
from gradcheck.mutants import MUTANTS
from gradcheck.mutants_of_single_cases import MUTANTS_OF_SINGLE_CASES
from gradcheck.planting import Mutant, plant
from gradcheck.rebinding import REBINDING, rebound

CASES_BY_ID = {case.id: case for case in CASES}
FIELD_INPUTS = {"layernorm": [(2, 3, 5), (5,), (5,)], "gelu": [(3, 5)], "dropout": [(2, 3, 5)]}


def check_field_op(name: str) -> Report:
    rng = np.random.default_rng(7)
    passes = getattr(field_ops, f"{name}_fwd"), getattr(field_ops, f"{name}_bwd")
    return check(Op(*passes), *(rng.standard_normal(shape) for shape in FIELD_INPUTS[name]))


def check_planted(mutant: Mutant) -> Report:
    if mutant.case in FIELD_INPUTS:
        return check_field_op(mutant.case)
    return run_check(CASES_BY_ID[mutant.case])


@pytest.mark.parametrize("name", FIELD_INPUTS)
def test_field_op_is_right_before_a_bug_is_planted(name: str) -> None:
    check_field_op(name).raise_if_wrong()


@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.id) for mutant in MUTANTS])
def test_planted_bug_is_rejected_and_attributed(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(mutant, monkeypatch)
    report = check_planted(mutant)
    assert not report.ok
    rules = {finding.rule for finding in report.findings}
    if mutant.rule:
        found = {name for finding in report.findings for name in finding.arguments}
        assert mutant.rule in rules
        assert found | set(report.wrong_arguments) == mutant.blamed
    else:
        assert set(report.wrong_arguments) == mutant.blamed


@pytest.mark.parametrize(
    "mutant", [pytest.param(mutant, id=mutant.id) for mutant in MUTANTS_OF_SINGLE_CASES]
)
def test_no_other_case_exposes_the_bug(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(mutant, monkeypatch)
    subject = CASES_BY_ID[mutant.case].subject
    exposing = [c.id for c in CASES if c.subject == subject and not run_check(c).ok]
    assert exposing == [mutant.case]


@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.id) for mutant in REBINDING])
def test_a_gradient_in_a_new_array_is_found(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(mutant, monkeypatch)
    assert rebound(CASES_BY_ID[mutant.case]) == sorted(mutant.blamed)
    in_models = {name.rpartition(".")[2] for case in MODEL_CASES for name in rebound(case)}
    assert in_models == mutant.blamed


def test_there_are_at_least_sixty_planted_bugs_with_different_names() -> None:
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS) >= 60


@pytest.mark.parametrize("op", sorted(name[:-4] for name in ops.__all__ if name.endswith("_bwd")))
def test_every_op_has_planted_bugs(op: str) -> None:
    assert any(mutant.target == f"capstone.ops.{op}:{op}_bwd" for mutant in MUTANTS)


@pytest.mark.parametrize("layer", sorted(set(layers.__all__) - {"Layer"}))
def test_every_layer_has_planted_bugs(layer: str) -> None:
    assert any(mutant.target.endswith(f":{layer}.backward") for mutant in MUTANTS)
