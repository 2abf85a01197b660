"""All rules of the protocol, run one after the other."""

from collections.abc import Callable, Iterator

from capstone.errors import UsageError
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.protocol.arrangements import check_batch, check_empty, check_layout
from capstone.gradcheck.protocol.manners import (
    check_accumulate,
    check_interleave,
    check_linearity,
    check_memory,
    check_repeat,
    check_saved,
    check_zero,
)
from capstone.gradcheck.protocol.passes import NotRepeatedError, Protocol
from capstone.gradcheck.subjects.subject import ContractBrokenError
from capstone.gradcheck.usage import in_one_line

Rule = Callable[[Protocol], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    check_repeat,  # this one and the next: what they find decides what the others may reuse
    check_saved,
    check_zero,
    check_linearity,
    check_memory,
    check_interleave,
    check_accumulate,
    check_layout,
    check_batch,
    check_empty,
)


def check_protocol(p: Protocol, is_affordable: Callable[[str], bool]) -> Iterator[Finding]:
    """All rules that need nothing but further passes, as long as they can be afforded."""
    found: list[Finding] = []
    for rule in RULES:
        name = rule.__name__.removeprefix("check_")
        if not is_affordable(name):
            continue
        p.may_reuse = p.subject.is_reentrant and rule not in RULES[:2] and not found
        for finding in judged(name, rule(p)):
            if finding not in found:  # what breaks the contract breaks it under many rules
                found.append(finding)
                yield finding


def judged(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of one rule; whatever a subject raises on the way is one of them.

    Raises:
        UsageError: the rule itself was asked for what cannot be.
    """
    try:
        yield from findings
    except UsageError:
        raise
    except NotRepeatedError as error:
        yield Finding("repeat", str(error))
    except ContractBrokenError as error:
        yield Finding("contract", str(error))
    except Exception as error:  # whatever a subject raises is a finding
        yield Finding(name, f"a pass failed: {in_one_line(error)}")
