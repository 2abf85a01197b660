"""The verifier: give it a forward pass, a backward pass and inputs; it says whether they agree.

It imports nothing of the transformer that this package also holds, so it serves any project.
"""

from capstone.errors import GradientMismatch
from capstone.gradcheck.audit.audit import audit
from capstone.gradcheck.audit.found import Audit
from capstone.gradcheck.capsules.capsule import Capsule, load_capsule, save_capsule
from capstone.gradcheck.capsules.reproduction import make_test
from capstone.gradcheck.capsules.shrink import Shrunk, shrink
from capstone.gradcheck.check import check
from capstone.gradcheck.inputs.design import design
from capstone.gradcheck.inputs.lint import lint
from capstone.gradcheck.localize.taps import tap, tap_grad
from capstone.gradcheck.localize.triangulate import Triangulation, triangulate
from capstone.gradcheck.outcome import ArgumentReport, Finding
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.subjects.names import Names

__all__ = [
    "ArgumentReport",
    "Audit",
    "Capsule",
    "Finding",
    "GradientMismatch",
    "Names",
    "Op",
    "Report",
    "Shrunk",
    "Triangulation",
    "audit",
    "check",
    "design",
    "lint",
    "load_capsule",
    "make_test",
    "save_capsule",
    "shrink",
    "tap",
    "tap_grad",
    "triangulate",
]
