"""Checks at other points: a stale cache, or entries that should not matter, show only there."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.probes import signed
from capstone.gradcheck.protocol import Protocol, broken, point_elsewhere
from capstone.gradcheck.report import Finding
from capstone.gradcheck.subjects import ContractBrokenError
from capstone.gradcheck.verify import Verifier

GARBAGE = 1e3  # what ignored entries are overwritten with


def check_elsewhere(verifier: Verifier, p: Protocol) -> list[Finding]:
    """The gradients are right at another point too: nothing is kept from the first one."""
    moved = point_elsewhere(p)
    words = "wrong at a second point: kept from the first one, or right by chance"
    return [] if moved is None else _judged("elsewhere", words, verifier, moved)


def check_ignored(verifier: Verifier) -> list[Finding]:
    """Entries that the forward pass ignores may hold garbage: no gradient may notice.

    The gradients are compared at the garbage itself, because an entry that is multiplied by zero
    is ignored by the output and yet matters for the gradient of the zero.
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
        findings += _judged("ignored", words, verifier, values)
    return findings


def _judged(rule: str, words: str, verifier: Verifier, values: list[Array]) -> list[Finding]:
    """Compare at `values` and put the outcome in words."""
    try:
        wrong = verifier.wrong_at(values)
    except ContractBrokenError as error:
        return [Finding(rule, str(error))]
    except Exception as error:  # whatever a subject raises is a finding
        return [Finding(rule, f"{words}: {type(error).__name__}: {error}")]
    names = [verifier.subject.arguments[index].name for index in wrong]
    findings: Iterator[Finding] = broken(rule, names, words)
    return list(findings)
