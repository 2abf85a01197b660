"""Inputs as NumPy holds them, with what makes them again the arrays of their own library."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import as_array, is_tensor
from capstone.gradcheck.subjects.find_library import is_jax_array, library_of
from capstone.gradcheck.subjects.libraries import DuckLibrary
from capstone.gradcheck.usage import refuse

HOMES = {"torch": "torch", "jax": "jax.numpy"}  # the modules that make their arrays
PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Stored:
    """One input.

    Args:
        array: its numbers; None for an input that is no array.
        library: "numpy", "torch" or "jax"; empty for an input that is no array.
        dtype: what that library calls the format: "bfloat16" travels as float32.
        device: where a tensor lives.
        is_tracked: a tensor whose `requires_grad` is set.
        plain: the input itself, if it is no array.
    """

    array: Array | None
    library: str = "numpy"
    dtype: str = ""
    device: str = ""
    is_tracked: bool = False
    plain: Any = None

    def restore(self, array: Array | None = None) -> Any:
        """The input again, with its own numbers or with others.

        Raises:
            UsageError: the library is not installed.
        """
        own = self.array if array is None else array
        if own is None:
            return self.plain
        if self.library == "numpy":
            return own.copy()
        example = self._example()
        library = library_of([example])
        (placed,) = library.call(lambda values: values, [own], [library.spot(example)])
        return placed.requires_grad_() if self.is_tracked else placed

    def _example(self) -> Any:
        """An array of the library, where this one was; NumPy's dtypes say the format but one.

        Raises:
            UsageError: the library is not installed, or the device is missing.
        """
        where = {"device": self.device} if self.device else {}
        try:
            home = import_module(HOMES[self.library])
            is_coarse = self.dtype == "bfloat16"
            return home.zeros((), dtype=home.bfloat16 if is_coarse else home.float32, **where)
        except (ImportError, RuntimeError, AssertionError) as error:  # as PyTorch has it
            rule = f"{self.library} must be at hand for these inputs"
            expected = f"{self.library} {self.device}".strip()
            refuse(rule, expected=expected, got=f"{type(error).__name__}: {error}")


def store(thing: Any, name: str = "an input") -> Stored:
    """What `Stored.restore` makes the same input from.

    Raises:
        UsageError: neither an array of these libraries nor a plain value, as a tree of arrays.
    """
    if isinstance(thing, PLAIN):
        return Stored(None, "", plain=thing)
    library = "torch" if is_tensor(thing) else "jax" if is_jax_array(thing) else "numpy"
    home = library_of([thing])
    array = None if isinstance(home, DuckLibrary) else as_array(home.host(thing))
    if array is None or array.dtype.kind not in "biuf":
        rule = f"{name} must be an array or a plain value to be stored"
        got = type(thing).__name__
        refuse(rule, expected="numbers", got=got, function="save_capsule")
    dtype = str(getattr(thing, "dtype", array.dtype)).removeprefix("torch.")
    own = np.array(array, order="C")
    device = str(thing.device) if library == "torch" else ""
    return Stored(own, library, dtype, device, bool(getattr(thing, "requires_grad", False)))
