"""Every rule of the protocol tells its good and its bad subject apart."""

import pytest

from capstone.gradcheck import check
from capstone.gradcheck.protocol.rules import RULES
from gradcheck.protocol_pairs import PAIRS, Pair

BY_KIND = [pytest.param(pair, id=pair.kind) for pair in PAIRS]


@pytest.mark.parametrize("pair", BY_KIND)
def test_the_good_one_passes(pair: Pair) -> None:
    check(pair.good(), *pair.inputs()).raise_if_wrong()


@pytest.mark.parametrize("pair", BY_KIND)
def test_the_bad_one_is_found_by_its_rule(pair: Pair) -> None:
    report = check(pair.bad(), *pair.inputs())
    assert pair.rule in {finding.rule for finding in report.findings}


def test_every_rule_has_a_pair() -> None:
    named = {rule.__name__.removeprefix("check_") for rule in RULES}
    assert named <= {pair.rule for pair in PAIRS}
