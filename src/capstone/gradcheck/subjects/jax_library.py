"""JAX's arrays, from NumPy arrays and back; in double precision whatever JAX is set to."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import loaded
from capstone.gradcheck.subjects.libraries import Library

WIDE = (np.dtype(np.float64), np.dtype(np.complex128))


class JaxLibrary(Library):
    """JAX's arrays cannot be written to, so that there is nothing to guard."""

    def __init__(self) -> None:
        self.jax = loaded("jax")

    def owns(self, thing: Any) -> bool:
        """Is `thing` an array of JAX?"""
        return isinstance(thing, self.jax.Array)

    def host(self, thing: Any) -> Any:
        """A copy as a NumPy array; bfloat16 as float32 that holds the same numbers."""
        if not self.owns(thing):
            return thing
        is_coarse = thing.dtype == self.jax.numpy.bfloat16
        return np.array(thing, dtype=np.float32) if is_coarse else np.array(thing)

    def spot(self, thing: Any) -> Any:
        """Its dtype: which device computes is JAX's own choice."""
        return thing.dtype if self.owns(thing) else None

    def coarse_eps(self, thing: Any) -> float:
        """Of bfloat16."""
        is_coarse = self.owns(thing) and thing.dtype == self.jax.numpy.bfloat16
        return float(self.jax.numpy.finfo(thing.dtype).eps) if is_coarse else 0.0

    def call(
        self, function: Callable[[list[Any]], Any], values: Sequence[Array], spots: Sequence[Any]
    ) -> Any:
        """`function` of the values as JAX's arrays.

        Values in double precision are kept in it, even where JAX is set to single precision: the
        differences need it.
        """
        with self.precision(values):
            pairs = zip(values, spots, strict=True)
            return function([self._placed(value, spot) for value, spot in pairs])

    def precision(self, values: Sequence[Array]) -> AbstractContextManager[Any]:
        """Double precision where the values have it; JAX's own setting elsewhere."""
        if not any(value.dtype in WIDE for value in values):
            return nullcontext()
        enable = getattr(self.jax, "enable_x64", None)
        if enable is None:  # before JAX 0.8
            enable = import_module("jax.experimental").enable_x64
        context: AbstractContextManager[Any] = enable(True)
        return context

    def _placed(self, array: Array, spot: Any) -> Any:
        if spot is None:
            return array
        numpy = self.jax.numpy
        is_coarse = spot == numpy.bfloat16 and array.dtype == np.float32
        return numpy.asarray(array, dtype=spot) if is_coarse else numpy.asarray(array)
