"""What is known of one wrong gradient when it is to be explained."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from capstone._typing import Array

FIT = 1e-6  # share of an entry, and of the largest error, that an explanation may leave
CLEAR = 0.1  # share of it that noise may make up; above, anything would count as explanation


@dataclass(frozen=True)
class Known:
    """One argument of the subject: its value, the true gradient and what backward says of it.

    Gradients are None where there are none, or none that could be compared.
    """

    name: str
    value: Array
    gradient: Array | None = None
    analytic: Array | None = None

    @property
    def is_real(self) -> bool:
        """Floating-point numbers, rather than ids or a mask."""
        return self.value.dtype.kind == "f"


@dataclass(frozen=True)
class Evidence:
    """One wrong gradient and everything around it.

    Args:
        name: of the argument.
        value: of the argument.
        whole: the analytic gradient, everywhere.
        numeric: the true gradient, on the grid.
        is_wrong: booleans on the grid, True where the two disagree.
        noise: how far rounding moves an entry of either.
        others: the other arguments.
        dy: the upstream gradient.
        y: the output.
        options: numbers that the subject was given by name, as `n_heads`.
        jacobian: returns (entries, *dy.shape), how each output moves with each entry of the grid;
            or None if that is not to be had.
        grid: one index array an axis: the entries at which `numeric` is known; all if not given.
        at: the derivatives of `<dy, y>` along (P, *shape) directions of this argument, with some
            arguments, or `dy`, replaced by name; None if they are not to be had.
    """

    name: str
    value: Array
    whole: Array
    numeric: Array
    is_wrong: Array
    noise: float = 0.0
    others: tuple[Known, ...] = ()
    dy: Array = field(default_factory=lambda: np.zeros(0))
    y: Array = field(default_factory=lambda: np.zeros(0))
    options: Mapping[str, float] = field(default_factory=dict)
    jacobian: Callable[[], Array | None] = lambda: None
    grid: tuple[Array, ...] | None = None
    at: Callable[[Mapping[str, Array], Array], Array | None] = lambda replaced, directions: None

    @cached_property
    def analytic(self) -> Array:
        """The analytic gradient on the grid."""
        return self.on_grid(self.whole)

    @cached_property
    def error(self) -> Array:
        """`analytic - numeric`."""
        return np.asarray(self.analytic - self.numeric)

    @cached_property
    def slack(self) -> float:
        """The most that an explanation may leave unexplained of any entry."""
        return FIT * float(np.abs(self.error).max(initial=0)) + self._rounding

    @property
    def _rounding(self) -> float:
        """Of an explanation, which may enlarge the noise of the true gradient."""
        largest, true = (float(np.abs(a).max(initial=0)) for a in (self.analytic, self.numeric))
        return self.noise * max(1.0, largest / true if true else 1.0)

    @property
    def is_clear(self) -> bool:
        """Is the error so far above the noise that an explanation means something?"""
        return self._rounding <= CLEAR * float(np.abs(self.error).max(initial=0))

    def on_grid(self, array: Array) -> Array:
        """An array of the argument's shape, where the true gradient is known."""
        return array if self.grid is None else np.asarray(array[np.ix_(*self.grid)])

    def indices(self, axis: int) -> Array:
        """The indices along an axis that are on the grid."""
        return np.arange(self.whole.shape[axis]) if self.grid is None else self.grid[axis]

    def along(self, axis: int, others: Array) -> Array:
        """The analytic gradient on the grid, with other indices along one axis."""
        grid = [self.indices(number) for number in range(self.whole.ndim)]
        grid[axis] = others
        return np.asarray(self.whole[np.ix_(*grid)])

    def fits(self, guess: Array) -> bool:
        """Does the guess explain the error, not merely most of the gradient?"""
        is_near = self.is_clear and self.are_near(guess, self.analytic)
        return is_near and not self.is_contradicted(guess)

    def are_near(self, guess: Array, seen: Array) -> bool:
        """Is every entry explained, the small ones as well as those that are far larger?

        An explanation may leave a share of the largest error, and of the entry itself.
        """
        size = np.maximum(np.abs(guess), np.abs(seen))
        allowed = FIT * np.minimum(size, np.abs(self.error).max(initial=0)) + self._rounding
        return bool((np.abs(guess - seen) <= allowed).all())

    def is_contradicted(self, guess: Array) -> bool:
        """Is something plainly right that the guess takes for wrong, if only within the noise?"""
        size = np.abs(self.numeric)
        is_right = (np.abs(self.error) <= FIT * size) & (size > 0)
        return bool((is_right & (np.abs(guess - self.numeric) > CLEAR * size)).any())

    def rearranges(self, undone: Array) -> bool:
        """Is `undone`, the whole analytic gradient with its entries moved back, the true one?"""
        return self.is_true(self.on_grid(undone))

    def is_true(self, moved: Array) -> bool:
        """Is this, on the grid, the true gradient?"""
        return self.is_clear and self.are_near(moved, self.numeric)

    def beside(self, array: Array) -> Array | None:
        """An array broadcast along the argument's entries, on the grid; None if it does not fit.

        See `aligned` for what fits.
        """
        wide = aligned(array, self.whole.shape)
        return None if wide is None else self.on_grid(wide).astype(float)

    def arrays(self, *, same_shape: bool = False) -> Iterator[tuple[str, Array]]:
        """`(name, values)` of what a factor or a term may be: arguments, dy, y; on the grid."""
        named = [(other.name, other.value) for other in self.others if other.is_real]
        for name, array in [*named, (self.name, self.value), ("dy", self.dy), ("y", self.y)]:
            if same_shape and array.shape != self.whole.shape:
                continue
            beside = self.beside(array) if array.size else None
            if beside is not None and beside.any():
                yield name, beside

    def index(self, axis: int, number: int) -> int:
        """The index along an axis of the argument that stands at `number` of the grid."""
        return int(self.indices(axis)[number])


def aligned(array: Array, shape: tuple[int, ...]) -> Array | None:
    """An array broadcast to a shape; None if it does not fit.

    Shapes fit from the last axis on, as NumPy has it, or from the first one on; a single axis fits
    any of its size, as channels do.
    """
    spare = len(shape) - array.ndim
    between = range(1, spare) if array.ndim == 1 else ()
    for front in (spare, 0, *between) if spare > 0 else (0,):
        try:
            return np.broadcast_to(array.reshape((*array.shape, *(1,) * (spare - front))), shape)
        except ValueError:
            continue
    return None
