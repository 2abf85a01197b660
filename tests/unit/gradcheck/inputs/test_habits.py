"""Designed inputs show every planted bug; where usual ones hide it, `lint` says why."""

import pytest

from capstone.gradcheck import Op
from gradcheck.mutants_of_attention import MUTANTS_OF_ATTENTION
from gradcheck.mutants_of_loss import MUTANTS_OF_LOSS
from gradcheck.mutants_of_ops import MUTANTS_OF_OPS
from gradcheck.planting import Mutant, plant
from unit.gradcheck.inputs.habits import HABITS, RECIPES, Habits, inputs_for, op_of, warned_of

BUGS = [
    mutant
    for mutant in (*MUTANTS_OF_OPS, *MUTANTS_OF_ATTENTION, *MUTANTS_OF_LOSS)
    if "V1031" not in mutant.case  # of a path for large tables
]
IDS = [mutant.id for mutant in BUGS]
USUAL = tuple(HABITS)


def name_of(mutant: Mutant) -> str:
    return mutant.case.partition("-")[0]


def planted(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> Op:
    with monkeypatch.context() as patch:
        plant(mutant, patch)
        return op_of(name_of(mutant))


@pytest.fixture(scope="module")
def habits() -> dict[str, Habits]:
    return {name: Habits(name) for name in RECIPES}


@pytest.mark.parametrize("name", RECIPES)
def test_designed_inputs_are_right_and_hide_nothing(name: str) -> None:
    inputs = inputs_for(name)
    inputs.check(op_of(name)).raise_if_wrong()
    assert inputs.lint() == []


@pytest.mark.parametrize("mutant", BUGS, ids=IDS)
def test_designed_inputs_show_the_bug(mutant, habits, monkeypatch) -> None:
    assert habits[name_of(mutant)].finds(planted(mutant, monkeypatch))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a bug may take the mean of nothing
@pytest.mark.parametrize("mutant", BUGS, ids=IDS)
def test_lint_names_a_habit_that_hides_the_bug(mutant, habits, monkeypatch) -> None:
    name, op = name_of(mutant), planted(mutant, monkeypatch)
    warned = warned_of(inputs_for(name, USUAL).lint())
    assert habits[name].finds(op, USUAL) or warned & set(habits[name].reasons(op))


def test_usual_inputs_hide_a_good_part_of_the_bugs(habits, monkeypatch) -> None:
    losses = [mutant for mutant in BUGS if name_of(mutant) == "cross_entropy"]
    found = [habits["cross_entropy"].finds(planted(m, monkeypatch), USUAL) for m in losses]
    assert sum(found) <= len(losses) // 2
