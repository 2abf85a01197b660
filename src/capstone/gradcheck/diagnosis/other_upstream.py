"""Explanations by another upstream gradient, made of dy and of what else is at hand."""

from collections.abc import Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.elsewhere import StandIn, right_with
from capstone.gradcheck.diagnosis.evidence import Evidence, aligned


def ignored(e: Evidence) -> str:
    """Right if dy were 1 throughout."""
    if e.dy.size < 2:
        return ""
    words = right_with(e, [StandIn("dy of ones", {"dy": np.ones_like(e.dy)})])
    return f"right for {words}: is the upstream gradient ignored?" if words else ""


def weighted(e: Evidence) -> str:
    """Right for dy by, or times, an array: a factor of dy that is missing, or counts twice."""
    return right_with(e, _weighted(e))


def outside(e: Evidence) -> str:
    """Right for dy by a factor, times that factor: it left a mean or a sum that it belongs into."""
    words = right_with(e, _outside(e))
    return f"{words} taken out of a sum or a mean?" if words else ""


def _weighted(e: Evidence) -> Iterator[StandIn]:
    for name, factor in _factors(e):
        if factor.all():
            words = f"right for dy / {name}: is a factor {name} of dy missing?"
            yield StandIn(words, {"dy": e.dy / factor})
        words = f"right for dy x {name}: is the factor {name} of dy applied twice?"
        yield StandIn(words, {"dy": e.dy * factor})


def _outside(e: Evidence) -> Iterator[StandIn]:
    for known in e.others:
        beside = e.beside(known.value) if known.is_real else None
        factor = aligned(known.value, e.dy.shape)
        if beside is None or factor is None or not known.value.all() or not np.ptp(known.value):
            continue
        words = f"right for dy / {known.name}, then times {known.name}: is {known.name}"
        yield StandIn(words, {"dy": e.dy / factor}, beside)


def _factors(e: Evidence) -> Iterator[tuple[str, Array]]:
    """Arguments and y, of the shape of dy, that are not the same throughout."""
    named = [(known.name, known.value) for known in e.others if known.is_real]
    for name, value in [*named, (e.name, e.value), ("y", e.y)]:
        factor = aligned(value, e.dy.shape) if value.size > 1 and np.ptp(value) else None
        if factor is not None:
            yield name, factor
