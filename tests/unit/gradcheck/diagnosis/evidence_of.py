"""Evidence for the tests of the fingerprints."""

from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence, Known

NOISE = 1e-13  # of gradients near 1: what a thousand roundings leave


def evidence(analytic: Array, numeric: Array, **rest: Any) -> Evidence:
    """Of two gradients, wrong where they differ; arrays by keyword are the other arguments."""
    fields = {"value", "dy", "y", "options", "noise", "is_wrong", "jacobian", "grid", "others"}
    called = rest.pop("name", "w")
    given = {name: rest.pop(name) for name in fields & set(rest)}
    is_wrong = ~(np.abs(analytic - numeric) <= NOISE)
    others = tuple(Known(name, value) for name, value in rest.items())
    standard = {"value": np.ones(analytic.shape), "noise": NOISE, "is_wrong": is_wrong}
    standard |= {"others": others, **given}
    return Evidence(name=called, whole=analytic, numeric=numeric, **standard)
