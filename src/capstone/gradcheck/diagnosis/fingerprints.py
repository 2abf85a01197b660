"""What a wrong gradient looks like beside the right one, in a sentence."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from capstone.gradcheck.diagnosis.elementwise import complement, slope
from capstone.gradcheck.diagnosis.everywhere import (
    absolute,
    clipped,
    exchanged,
    factor,
    independent,
    misplaced,
    nan,
    product,
    sign,
    undefined,
    upstream,
    zero,
)
from capstone.gradcheck.diagnosis.evidence import Evidence
from capstone.gradcheck.diagnosis.operands import operand
from capstone.gradcheck.diagnosis.other_upstream import ignored, outside, weighted
from capstone.gradcheck.diagnosis.parts import forward_again, moved, partial, reassigned
from capstone.gradcheck.diagnosis.places import (
    condition,
    edge,
    factor_there,
    indices,
    masked,
    named,
    picked,
    repeats,
    sign_there,
    sign_where,
    single,
    tail,
    triangle,
    zero_entries,
    zero_slices,
)
from capstone.gradcheck.diagnosis.precision import rounded, rounded_inside
from capstone.gradcheck.diagnosis.products import behind, path
from capstone.gradcheck.diagnosis.rearranged import (
    permuted,
    reversed_order,
    rotated,
    shifted,
    transposed,
)
from capstone.gradcheck.diagnosis.stand_ins import (
    another,
    leftover,
    misread,
    opposite,
    other_ids,
    other_mask,
    untransposed,
)
from capstone.gradcheck.diagnosis.terms import (
    constant,
    decay,
    other_axis,
    projection,
    renormalized,
    residual,
    rounded_slices,
    slices,
    term,
)
from capstone.gradcheck.diagnosis.within import other_winner, reordered, rolled_within, spread

FINGERPRINTS: tuple[tuple[str, Callable[[Evidence], str]], ...] = (
    ("undefined", undefined),
    ("nan", nan),
    ("independent", independent),
    ("zero", zero),
    ("sign", sign),
    ("swapped", exchanged),
    ("upstream", upstream),
    ("factor", factor),
    ("sign", sign_where),
    ("absolute", absolute),
    ("swapped", misplaced),
    ("masked", masked),
    ("transposed", transposed),
    ("reversed", reversed_order),
    ("shifted", shifted),
    ("shifted", rolled_within),
    ("permuted", permuted),
    ("masked", spread),
    ("masked", other_winner),
    ("clipped", clipped),
    ("rounded", rounded),
    ("repeats", repeats),
    ("edge", edge),
    ("tail", tail),
    ("picked", picked),
    ("single", single),
    ("product", product),
    ("complement", complement),
    ("residual", residual),
    ("decay", decay),
    ("term", term),
    ("transposed", untransposed),
    ("masked", other_mask),
    ("picked", other_ids),
    ("path", named),
    ("zero_slices", zero_slices),
    ("zero_entries", zero_entries),
    ("sign", sign_there),
    ("factor", factor_there),
    ("upstream", ignored),
    ("partial", weighted),
    ("partial", outside),
    ("rounded", rounded_slices),
    ("slices", slices),
    ("constant", constant),
    ("projection", projection),
    ("product", another),
    ("partial", partial),
    ("moved", moved),
    ("moved", reassigned),
    ("moved", misread),
    ("permuted", reordered),
    ("sign", opposite),
    ("complement", leftover),
    ("path", path),
    ("rotated", rotated),
    ("transposed", forward_again),
    ("place", condition),
    ("place", triangle),
    ("place", indices),
    ("slope", slope),
    ("behind", behind),
    ("product", operand),
    ("axis", renormalized),
    ("axis", other_axis),
    ("rounded", rounded_inside),
)
"""Kind and test, best explanation first: what holds everywhere before what holds somewhere."""


class Diagnosis(NamedTuple):
    """What kind of error it is, for machines, and in words."""

    kind: str
    words: str


def diagnose(e: Evidence) -> Diagnosis:
    """Name the simplest transformation that turns the right gradient into the wrong one."""
    with np.errstate(all="ignore"):
        for kind, explain in FINGERPRINTS:
            try:
                words = explain(e)
            except np.linalg.LinAlgError:  # arrays that hold infinities explain nothing
                continue
            if words:
                return Diagnosis(kind, words)
    share = f"{int(e.is_wrong.sum())} of {e.is_wrong.size} entries"
    return Diagnosis("", f"no simple transformation of the right gradient explains {share}")
