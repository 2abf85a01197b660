"""One of two implementations that are compared: outputs, differences, its own gradient."""

from collections.abc import Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.evaluator import Evaluator, Numeric
from capstone.gradcheck.numeric.probes import nudged
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.verdict.base import Base
from capstone.gradcheck.verdict.noise import allowance
from capstone.gradcheck.verdict.verify import Verifier

ROUNDINGS = 64.0  # of an output or a slope, in units of eps of its largest terms
SAMPLES = 3  # of how far one rounding of the inputs moves an output


class Side:
    """A forward pass at a point, its differences, and which gradients disagree with them.

    Args:
        subject: the implementation.
        base: the point, the upstream gradient and the gradients that are judged.
        chosen: numbers of the arguments to compare.
        rng: of directions and of noise.
    """

    def __init__(
        self, subject: Subject, base: Base, chosen: Sequence[int], rng: np.random.Generator
    ) -> None:
        self.subject, self.base, self.rng = subject, base, rng
        report = Report(subject.name, "auto", "auto", 0, "")
        self.verifier = Verifier(subject, base, chosen, report, rng, searches=False)
        self.verifier.compare()
        self.wrong = report.wrong_arguments
        self.evaluator: Evaluator = self.verifier.evaluator(base.values)
        self.numeric: Numeric = self.verifier.method(self.evaluator)

    @property
    def output(self) -> Array:
        """In float64."""
        return self.evaluator.base

    def allowed(self) -> float:
        """How far rounding moves any entry of the output."""
        moved = []
        for _ in range(SAMPLES):
            try:
                y = self.evaluator.output([nudged(self.rng, v) for v in self.evaluator.values])
            except Exception:  # one rounding may leave the domain
                continue
            moved.append(np.where(np.isfinite(y), y - self.output, 0))
        size = float(np.max(np.abs(self.output), initial=0, where=np.isfinite(self.output)))
        eps = float(np.finfo(float).eps)
        return ROUNDINGS * eps * size + float(np.max(allowance(moved), initial=0))
