"""Derivatives from function values alone: what both numeric methods share.

Both ask for the output at many perturbed values of one argument. Where the forward pass addresses
trailing axes only, all perturbations ride on a new leading axis and one call answers them all,
10 to 14 times faster than one call each; where it does not, they go one at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.budget import Budget
from capstone.gradcheck.subjects.subject import ContractBrokenError, Subject
from capstone.gradcheck.usage import in_one_line, refuse

APART = 1e-2  # relative distance of the two variants that decide whether a forward can be stacked
CHUNK_BYTES = 1 << 21  # perturbed copies and outputs at a time: small enough for the cache


Directions = Mapping[int, Array]
"""Number of an argument to (P, *shape): how each of P perturbations moves it."""


class Slopes(NamedTuple):
    """Directional derivatives of `<dy, y>`, one a direction."""

    value: Array  # (P,)
    noise: Array  # (P,) how far rounding alone may have moved `value`
    terms: Array  # (P,) sum of |dy * dy/dv|: the size of what was added up
    is_silent: Array  # (P,) booleans: not one entry of y moved


class Numeric(Protocol):
    """A method of differentiation."""

    name: str
    evaluator: "Evaluator"

    def slopes(self, directions: Directions) -> Slopes:
        """Derivatives along P directions, each through one argument or several at once."""


@dataclass
class Evaluator:
    """Runs a subject's forward pass at perturbed values and counts the calls.

    Args:
        subject: what to run.
        values: the point, one array an argument.
        dy: the upstream gradient, of the shape of the output.
        copies: hand out writable copies, for a subject that writes to its inputs.
        budget: asked before each pass, if passes can be done without.
    """

    subject: Subject
    values: Sequence[Array]
    dy: Array
    copies: bool = False
    forwards: int = 0
    budget: Budget | None = None
    _stackable: dict[tuple[int | str, ...], bool] = field(default_factory=dict)

    def output(self, values: Sequence[Array]) -> Array:
        """y at the given values.

        Raises:
            BudgetSpentError: nothing is left.
        """
        if self.budget is not None:
            self.budget.take()
        self.forwards += 1
        if self.copies:
            values = [np.array(value) for value in values]
        y = np.asarray(self.subject.forward(values)[0])
        is_complex = any(value.dtype.kind == "c" for value in values)
        if y.dtype.kind not in ("biufc" if is_complex else "biuf"):
            raise ContractBrokenError(f"the output has dtype {y.dtype} in a later pass")
        is_stacked = any(np.ndim(v) > np.ndim(w) for v, w in zip(values, self.values, strict=True))
        if not is_stacked and y.shape != self.dy.shape:
            words = f"the output has shape {y.shape} in a later pass, expected {self.dy.shape}"
            raise ContractBrokenError(words)
        return y if y.dtype.kind in "fc" else y.astype(np.float64)  # differences are fractions

    def output_at(self, replaced: Mapping[int, Array]) -> Array:
        """y with some of the arguments replaced, by their numbers."""
        return self.output(self._with(replaced))

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
            refuse(rule, expected="an output", got=in_one_line(error))

    def outputs(self, variants: Directions) -> Array:
        """y for each of P variants of some arguments: {number: (P, *shape)} to (P, *y.shape)."""
        count = len(next(iter(variants.values())))
        kinds = {variant.dtype.kind for variant in variants.values()}
        key = (*sorted(variants), *sorted(kinds))
        is_small = count > 1 and self.chunk(*variants) > 1  # large ones gain nothing by a stack
        if is_small and self._stackable.get(key, True):
            is_tested = key in self._stackable
            y = self._stacked(variants) if is_tested else self._stacked_and_tested(variants)
            self._stackable.setdefault(key, y is not None)
            if y is not None:
                return y
        single = [{i: variant[n] for i, variant in variants.items()} for n in range(count)]
        return np.stack([self._output_or_nan(variant) for variant in single])

    def is_stackable(self, indices: Iterable[int]) -> bool:
        """Whether real variants of these arguments have been found to go through one call."""
        return self._stackable.get((*sorted(indices), "f"), False)

    def chunk(self, *indices: int) -> int:
        """How many variants of some arguments go through one call."""
        entries = sum(self.values[index].size for index in indices) + 4 * self.dy.size
        return max(1, CHUNK_BYTES // (16 * max(1, entries)))

    def _output_or_nan(self, replaced: Mapping[int, Array]) -> Array:
        """y for one variant; NaN where the forward pass fails, which is outside its domain."""
        try:
            return self.output_at(replaced)
        except np.exceptions.ComplexWarning:
            raise
        except Exception:
            return np.full(self.dy.shape, np.nan)

    def _with(self, replaced: Mapping[int, Array]) -> list[Array]:
        """All values, some replaced; complex throughout if a new one is."""
        values = [np.asarray(v) for v in self.values]
        if any(value.dtype.kind == "c" for value in replaced.values()):
            values = [v.astype(complex) if v.dtype.kind == "f" else v for v in values]
        for index, value in replaced.items():
            values[index] = value
        return values

    def _stacked(self, variants: Directions) -> Array | None:
        """y for all variants by one call; None if it fails, as where one is outside the domain."""
        depth = max([self.dy.ndim, *(np.ndim(value) for value in self.values)])
        lifted = {}
        for index, variant in variants.items():
            count, *shape = variant.shape
            lifted[index] = variant.reshape(count, *(1,) * (depth - len(shape)), *shape)
        try:
            y = self.output_at(lifted)
        except Exception:  # whatever it is, one call at a time remains
            return None
        return y if y.shape == (count, *self.dy.shape) else None

    def _stacked_and_tested(self, variants: Directions) -> Array | None:
        """The same with a test: None too unless the call gives what single calls give.

        One more variant rides along, far from the others: near them, a forward pass that averages
        over the stack would give nearly the right thing. It rides so often that the stack is as
        long as no axis at hand: a forward pass that divides by `len(x)` must not be right by luck.
        """
        apart = {index: _driven_apart(variant[0]) for index, variant in variants.items()}
        lengths = {size for value in self.values for size in np.shape(value)}
        count = len(next(iter(variants.values())))
        extra = next(n for n in range(1, len(lengths) + 2) if count + n not in lengths)
        y = self._stacked(
            {i: np.concatenate([v, *[apart[i][None]] * extra]) for i, v in variants.items()}
        )
        if y is None:
            return None
        if y.dtype.kind == "c":  # a complex step leaves the real parts where they are
            is_same = _agree(y[:count].real, self.base)
        else:
            single = self._output_or_nan({i: v[0] for i, v in variants.items()})
            is_same = _agree(y[0], single) and _agree(y[-1], self._output_or_nan(apart))
        return y[:count] if is_same else None


def _driven_apart(variant: Array) -> Array:
    return variant + APART * max(1.0, scale_of(variant)) * np.where(variant.real < 0, -1, 1)


def _agree(stacked: Array, single: Array) -> bool:
    """Bit for bit or nearly so."""
    return bool(np.all(np.abs(stacked - single) <= 1e-9 * np.max(np.abs(single), initial=0)))


def scale_of(value: Array) -> float:
    """The largest entry in absolute value, or 1 for an array of zeros."""
    return float(np.max(np.abs(value), initial=0)) or 1.0
