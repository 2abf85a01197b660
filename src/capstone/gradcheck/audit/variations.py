"""Other values of the arguments, at which mistakes show that are hidden at the point itself."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.probes import far_point

SCALE = 10.0  # by which values grow and shrink
LONGER = 3  # entries of an axis that had one

Change = Callable[[np.random.Generator, Array], Array]


def other_values(values: Sequence[Array]) -> Iterator[tuple[str, list[Array]]]:
    """Named changes of all arguments at once; not every forward pass can be run at each of them."""
    for axis in range(max((value.ndim for value in values), default=0)):
        longer = [_longer(value, axis) for value in values]
        if any(a.shape != b.shape for a, b in zip(values, longer, strict=True)):
            yield f"{LONGER} entries along axis {axis} in place of 1", longer
    changes: dict[str, Change] = {
        "repeated integers": _repeated,
        "gains that are not 1, biases that are not 0": _uneven,
        "the same entries in another order": far_point,
        f"inputs {SCALE:g} times as large": lambda rng, value: _scaled(value, SCALE),
        f"inputs {SCALE:g} times as small": lambda rng, value: _scaled(value, 1 / SCALE),
        "random entries": _random,
    }
    for words, change in changes.items():
        rng = np.random.default_rng(1)
        yield words, [change(rng, value) for value in values]


def _longer(value: Array, axis: int) -> Array:
    if value.ndim <= axis or value.shape[axis] != 1:
        return value
    longer = np.repeat(value, LONGER, axis)
    return _random(np.random.default_rng(1), longer)


def _random(rng: np.random.Generator, value: Array) -> Array:
    if value.dtype.kind != "f":
        return value
    return np.asarray(rng.standard_normal(value.shape), value.dtype)


def _scaled(value: Array, by: float) -> Array:
    return np.asarray(value * value.dtype.type(by)) if value.dtype.kind == "f" else value


def _repeated(rng: np.random.Generator, value: Array) -> Array:
    """Two neighbors alike, in every row."""
    if value.dtype.kind not in "iu" or not value.ndim or value.shape[-1] < 2:
        return value
    other = value.copy()
    other[..., 1] = other[..., 0]
    return other


def _uneven(rng: np.random.Generator, value: Array) -> Array:
    """Arrays that are the same throughout get entries of both signs; the others stay."""
    is_flat = value.dtype.kind == "f" and value.size > 1 and np.ptp(value) == 0
    return _random(rng, value) if is_flat else value
