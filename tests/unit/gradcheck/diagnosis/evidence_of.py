"""Evidence for the tests of the fingerprints."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.diagnosis.evidence import Evidence, Known

NOISE = 1e-13  # of gradients near 1: what a thousand roundings leave


def evidence(analytic: Array, numeric: Array, **rest: Any) -> Evidence:
    """Of two gradients, wrong where they differ; arrays by keyword are the other arguments."""
    fields = {
        "value",
        "dy",
        "y",
        "options",
        "noise",
        "is_wrong",
        "jacobian",
        "grid",
        "others",
        "at",
    }
    called = rest.pop("name", "w")
    given = {name: rest.pop(name) for name in fields & set(rest)}
    is_wrong = ~(np.abs(analytic - numeric) <= NOISE)
    others = tuple(Known(name, value) for name, value in rest.items())
    standard = {"value": np.ones(analytic.shape), "noise": NOISE, "is_wrong": is_wrong}
    standard |= {"others": others, **given}
    return Evidence(name=called, whole=analytic, numeric=numeric, **standard)


def evidence_at(forward: Callable[..., Array], wrong: Any, **arguments: Array) -> Evidence:
    """Of the first argument of a forward pass, with its derivatives wherever one asks for them.

    Args:
        forward: of arrays that may be complex; gives y.
        wrong: the gradient, or what to make of dy and all arguments.
        arguments: by name.
    """
    name, x = next(iter(arguments.items()))
    y = forward(*arguments.values())
    upstream = np.random.default_rng(1).standard_normal(y.shape)

    def at(replaced: Mapping[str, Array], directions: Array) -> Array | None:
        values = {**arguments, "dy": upstream, **replaced}
        dy, moved = values.pop("dy"), values[name] + 1e-60j * directions
        try:
            outputs = [forward(*{**values, name: variant}.values()) for variant in moved]
        except IndexError:
            return None
        return np.array([(dy * output).sum().imag / 1e-60 for output in outputs])

    numeric = np.reshape(at({}, np.eye(x.size).reshape(-1, *x.shape)), x.shape)
    analytic = wrong(upstream, *arguments.values()) if callable(wrong) else wrong
    others = {key: value for key, value in arguments.items() if key != name}
    return evidence(analytic, numeric, name=name, value=x, y=y, dy=upstream, at=at, **others)


class Case(NamedTuple):
    """A forward pass of some arguments, a wrong gradient of the first one, and a near miss."""

    forward: Callable[..., Array]
    arguments: dict[str, Array]
    wrong: Callable[..., Array]
    near_miss: Callable[..., Array]
    words: str

    def evidence(self, backward: Callable[..., Array]) -> Evidence:
        """Of a gradient of dy and all arguments."""
        return evidence_at(self.forward, backward, **self.arguments)
