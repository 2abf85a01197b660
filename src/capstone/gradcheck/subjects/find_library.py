"""Which library the arrays of a call come from."""

from collections.abc import Iterable
from typing import Any

from capstone.gradcheck.subjects.arrays import is_tensor, loaded
from capstone.gradcheck.subjects.jax_library import JaxLibrary
from capstone.gradcheck.subjects.libraries import DuckLibrary, Library, is_duck
from capstone.gradcheck.subjects.torch_library import TorchLibrary


def library_of(things: Iterable[Any]) -> Library:
    """The library of the first array that is not NumPy's; else NumPy itself."""
    for thing in things:
        if is_tensor(thing):
            return TorchLibrary()
        if is_jax_array(thing):
            return JaxLibrary()
        if is_duck(thing):
            return DuckLibrary(thing)
    return Library()


def is_jax_array(thing: Any) -> bool:
    """Is this one of JAX's arrays?"""
    jax = loaded("jax")
    return hasattr(jax, "Array") and isinstance(thing, jax.Array)
