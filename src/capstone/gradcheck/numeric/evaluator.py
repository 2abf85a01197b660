"""Derivatives from function values alone: what both numeric methods share.

Both ask for the output at many perturbed values of one argument. Where the forward pass addresses
trailing axes only, all perturbations ride on a new leading axis and one call answers them all,
10 to 14 times faster than one call each; where it does not, they go one at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.usage import refuse

APART = 1e-2  # relative distance of the two variants that decide whether a forward can be stacked
CHUNK_BYTES = 1 << 22  # perturbed copies and outputs at a time: small enough for the cache


class Slopes(NamedTuple):
    """Directional derivatives of `<dy, y>`, one a direction."""

    value: Array  # (P,)
    noise: Array  # (P,) how far rounding alone may have moved `value`
    terms: Array  # (P,) sum of |dy * dy/dv|: the size of what was added up
    is_silent: Array  # (P,) booleans: not one entry of y moved


class Numeric(Protocol):
    """A method of differentiation."""

    name: str

    def slopes(self, index: int, directions: Array) -> Slopes:
        """Derivatives along `directions` (P, *shape) of argument number `index`."""


@dataclass
class Evaluator:
    """Runs a subject's forward pass at perturbed values and counts the calls.

    Args:
        subject: what to run.
        values: the point, one array an argument.
        dy: the upstream gradient, of the shape of the output.
        copies: hand out writable copies, for a subject that writes to its inputs.
    """

    subject: Subject
    values: Sequence[Array]
    dy: Array
    copies: bool = False
    forwards: int = 0
    _stackable: dict[tuple[int, str], bool] = field(default_factory=dict)

    def output(self, values: Sequence[Array]) -> Array:
        """y at the given values."""
        self.forwards += 1
        if self.copies:
            values = [np.array(value) for value in values]
        return np.asarray(self.subject.forward(values)[0])

    def output_at(self, index: int, value: Array) -> Array:
        """y with argument `index` replaced."""
        return self.output(self._with(index, value))

    @cached_property
    def base(self) -> Array:
        """y at the point itself, in float64.

        Raises:
            UsageError: a forward pass that takes its own precision only.
        """
        try:
            return self.output(self.values)
        except Exception as error:  # whatever a subject raises is put in words
            rule = (
                f"forward of {self.subject.name} must run in float64, where differences are taken"
            )
            refuse(rule, expected="an output", got=f"{type(error).__name__}: {error}")

    def outputs(self, index: int, variants: Array) -> Array:
        """y for each variant of argument `index`: (P, *shape) to (P, *y.shape)."""
        key = (index, variants.dtype.kind)
        if len(variants) > 1 and key not in self._stackable:
            self._stackable[key] = self._agrees_stacked(index, variants[:2])
        if len(variants) > 1 and self._stackable[key]:
            try:
                return self._stacked(index, variants)
            except Exception:  # one variant is outside the domain: find out which
                pass
        return np.stack([self._output_or_nan(index, variant) for variant in variants])

    def chunk(self, index: int) -> int:
        """How many variants of argument `index` go through one call."""
        entries = self.values[index].size + 4 * self.dy.size
        return max(1, CHUNK_BYTES // (16 * max(1, entries)))

    def _output_or_nan(self, index: int, variant: Array) -> Array:
        """y for one variant; NaN where the forward pass fails, which is outside its domain."""
        try:
            y = self.output_at(index, variant)
        except np.exceptions.ComplexWarning:
            raise
        except Exception:
            return np.full(self.dy.shape, np.nan)
        return y if y.shape == self.dy.shape else np.full(self.dy.shape, np.nan)

    def _with(self, index: int, value: Array) -> list[Array]:
        """All values, number `index` replaced; complex throughout if the new one is."""
        values = [np.asarray(v) for v in self.values]
        if value.dtype.kind == "c":
            values = [v.astype(complex) if v.dtype.kind == "f" else v for v in values]
        values[index] = value
        return values

    def _stacked(self, index: int, variants: Array) -> Array:
        depth = max([self.dy.ndim, *(np.ndim(value) for value in self.values)])
        count, *shape = variants.shape
        lifted = variants.reshape(count, *(1,) * (depth - len(shape)), *shape)
        return self.output(self._with(index, lifted))

    def _agrees_stacked(self, index: int, pair: Array) -> bool:
        """Does one stacked call give what two single calls give, bit for bit or nearly so?

        The two variants are driven apart first: near each other, a forward pass that averages over
        the stack would give nearly the right thing.
        """
        apart = pair.copy()
        apart[1] += APART * max(1.0, scale_of(pair)) * np.where(apart[1].real < 0, -1, 1)
        try:
            single = np.stack([self.output_at(index, variant) for variant in apart])
            stacked = self._stacked(index, apart)
        except Exception:  # any failure means: this forward cannot be stacked
            return False
        if stacked.shape != single.shape:
            return False
        return all(
            bool(np.all(np.abs(s - t) <= 1e-9 * np.max(np.abs(t), initial=0)))
            for s, t in ((stacked.real, single.real), (stacked.imag, single.imag))
        )


def scale_of(value: Array) -> float:
    """The largest entry in absolute value, or 1 for an array of zeros."""
    return float(np.max(np.abs(value), initial=0)) or 1.0
