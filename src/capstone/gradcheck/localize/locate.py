"""Where a wrong subject goes wrong: between which taps, in which layer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from capstone.gradcheck.localize.locate_layers import Judge, locate_layers
from capstone.gradcheck.localize.locate_taps import locate_taps
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.layers import LayerSubject
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.verdict.base import Base, run_base

__all__ = ["Judge", "locate"]


def locate(subject: Subject, report: Report, upstream: Any, judge: Judge) -> list[str]:
    """What can be said of the place of the fault, each after the name of what says so.

    Args:
        subject: what was found wrong.
        report: of the check that found it.
        upstream: as for `check`; the same seed draws the same one again.
        judge: checks a part.
    """
    with subject.restored(), np.errstate(all="ignore"):
        base = base_of(subject, report, upstream)
        if base is None:
            return []
        seed = report.seed
        found = _tried("taps", lambda: locate_taps(subject, base, report, seed))
        if isinstance(subject, LayerSubject):
            found += _tried("layers", lambda: locate_layers(subject, base, report, judge))
        return found


def _tried(source: str, look: Callable[[], list[str]]) -> list[str]:
    """What is found; whatever a subject raises on the way is put in words."""
    try:
        return look()
    except Exception as error:
        return [f"{source}: not found, a pass failed: {type(error).__name__}: {error}"]


def base_of(subject: Subject, report: Report, upstream: Any) -> Base | None:
    """The point of the check; without gradients where the backward pass fails.

    None where the forward pass gives nothing to go backward from.
    """
    scratch = Report(subject.name, report.method, report.depth, report.seed, "")
    rng = np.random.default_rng(report.seed)
    base = run_base(subject, [], upstream, rng, scratch)
    if base is not None:
        return base
    values = [argument.value for argument in subject.arguments]
    try:
        y = np.asarray(subject.forward(values)[0])
    except Exception:  # said already, by the check itself
        return None
    if y.dtype.kind != "f" or not np.isfinite(y).all():
        return None
    dy = signed(np.random.default_rng(report.seed), y.shape, y.dtype)
    dy = dy if upstream is None else np.asarray(upstream, y.dtype)
    dy.flags.writeable = False
    return Base(values, dy, [], False)
