"""Checks at other points: a stale cache, or entries that should not matter, show only there."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.probes import far_point, near_point, signed
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.protocol.passes import Protocol, broken, point_elsewhere
from capstone.gradcheck.subjects.subject import ContractBrokenError
from capstone.gradcheck.usage import in_one_line
from capstone.gradcheck.verdict.verify import Verifier

GARBAGE = 1e3  # what ignored entries are overwritten with


def check_elsewhere(verifier: Verifier, p: Protocol) -> list[Finding]:
    """The gradients are right at other points too: nothing is kept from the first one.

    One point may happen to lie on a kink, in a branch that drops imaginary parts, or outside of
    what the arrays must fulfil (a symmetric matrix, rows that sum to 1). So only what is wrong at
    two is blamed, and only if real differences say so too: with the entries of the compared
    arguments in another order, and with these arguments enlarged.
    """
    words = "wrong at other points: kept from the first one, or right by chance"
    findings: list[Finding] = []
    for move in (far_point, near_point):
        moved = point_elsewhere(p, moves=(move,), chosen=verifier.chosen)
        if moved is None:
            continue
        findings = _judged("elsewhere", words, verifier, moved, with_ladder=True)
        if not findings:
            return []
    return findings


def check_ignored(verifier: Verifier) -> list[Finding]:
    """Entries that the forward pass ignores may hold garbage: no gradient may notice.

    The gradients are compared at the garbage itself, because an entry that is multiplied by zero
    is ignored by the output and yet matters for the gradient of the zero. There real differences
    must agree: where garbage leaves the domain, as in (-1000) ** 0, the complex step need not.
    """
    findings = []
    base, subject = verifier.base, verifier.subject
    for index, mask in verifier.ignored.items():
        garbage = GARBAGE * signed(verifier.rng, mask.shape, base.values[index].dtype)
        values = list(base.values)
        values[index] = np.where(mask, garbage, values[index]).astype(garbage.dtype)
        try:
            here, there = (np.asarray(subject.forward(v)[0]) for v in (base.values, values))
        except Exception:  # a forward may refuse garbage
            continue
        if not np.array_equal(here, there):
            continue  # flat at this point only: saturated or clipped
        words = f"wrong when ignored entries of {subject.arguments[index].name} hold garbage"
        findings += _judged("ignored", words, verifier, values, with_ladder=True)
    return findings


def _judged(
    rule: str, words: str, verifier: Verifier, values: list[Array], with_ladder: bool = False
) -> list[Finding]:
    """Compare at `values`, by the ladder too if asked for, and put the outcome in words."""
    try:
        try:
            wrong = verifier.wrong_at(values)
        except np.exceptions.ComplexWarning:  # another branch, which is none for the complex step
            wrong = verifier.wrong_at(values, by_ladder=True)
        if wrong and with_ladder:
            by_ladder = verifier.wrong_at(values, by_ladder=True)
            wrong = [index for index in wrong if index in by_ladder]
    except ContractBrokenError as error:
        return [Finding(rule, str(error))]
    except Exception as error:  # whatever a subject raises is a finding
        return [Finding(rule, f"{words}: {in_one_line(error)}")]
    names = [verifier.subject.arguments[index].name for index in wrong]
    findings: Iterator[Finding] = broken(rule, names, words)
    return list(findings)
