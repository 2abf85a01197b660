"""All rules of the protocol, run one after the other."""

from collections.abc import Callable, Iterator

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
from capstone.gradcheck.protocol.passes import Protocol
from capstone.gradcheck.report import Finding
from capstone.gradcheck.subjects.subject import ContractBrokenError

RULES: tuple[Callable[[Protocol], Iterator[Finding]], ...] = (
    check_zero,
    check_linearity,
    check_repeat,
    check_memory,
    check_saved,
    check_interleave,
    check_accumulate,
    check_layout,
    check_batch,
    check_empty,
)


def check_protocol(p: Protocol) -> Iterator[Finding]:
    """All rules that need nothing but further passes."""
    for rule in RULES:
        name = rule.__name__.removeprefix("check_")
        try:
            yield from rule(p)
        except ContractBrokenError as error:
            yield Finding("contract", str(error))
        except Exception as error:  # whatever a subject raises is a finding
            yield Finding(name, f"a pass failed: {type(error).__name__}: {error}")
