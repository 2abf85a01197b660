"""Arrays out of whatever callers hand over, and out of whatever a forward pass saves."""

import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from capstone._typing import Array


def as_array(thing: Any) -> Array | None:
    """`thing` as an array; None where NumPy cannot make one, as of rows of unequal length."""
    try:
        return np.asarray(thing)
    except Exception:  # whatever the caller's own `__array__` raises
        return None


def has(thing: Any, name: str) -> bool:
    """`hasattr` for objects of whom nothing is known: a property may raise anything."""
    try:
        return hasattr(thing, name)
    except Exception:
        return False


def of_odd_types(names: Sequence[str], things: Sequence[Any]) -> tuple[str, ...]:
    """A warning for every array of a type of its own, whose arithmetic may differ."""
    plain = (np.ndarray, np.memmap)
    return tuple(
        f"{name} is of type {type(thing).__name__}: checked as a plain array"
        for name, thing in zip(names, things, strict=True)
        if isinstance(thing, np.ndarray) and type(thing) not in plain
    )


def loaded(name: str) -> Any:
    """A module that someone has imported already, or None: its arrays cannot exist before."""
    return sys.modules.get(name)


def tensors_library(thing: Any) -> Any:
    """The module with `asarray` that the type of `thing` comes from, or its package; or None."""
    module = type(thing).__module__
    for name in (module, module.partition(".")[0]):
        if hasattr(loaded(name), "asarray"):
            return loaded(name)
    return None


def arrays_in(saved: Any, above: tuple[int, ...] = ()) -> list[Array]:
    """All arrays inside nested tuples, lists, dictionaries, dataclasses and arrays of objects.

    Of PyTorch's tensors those in the main memory count, as arrays of the same memory. `above` are
    the ids of the containers around: a child that knows its parent ends the search.
    """
    if isinstance(saved, np.ndarray) and saved.dtype != object:
        return [saved]
    if is_tensor(saved):
        view = shared_view(saved)
        return [] if view is None else [view]
    if id(saved) in above:
        return []
    above = (*above, id(saved))
    if isinstance(saved, dict):
        items = list(saved.values())
    elif is_dataclass(saved) and not isinstance(saved, type):
        items = [getattr(saved, field.name, None) for field in fields(saved)]
    else:
        if isinstance(saved, np.ndarray):
            saved = saved.ravel().tolist()
        items = list(saved) if isinstance(saved, tuple | list) else []
    return [array for item in items for array in arrays_in(item, above)]


def is_tensor(thing: Any) -> bool:
    """Is this one of PyTorch's tensors?"""
    torch = loaded("torch")
    return hasattr(torch, "Tensor") and isinstance(thing, torch.Tensor)


def shared_view(tensor: Any) -> Array | None:
    """A NumPy array of the very memory of a tensor; None where NumPy cannot reach it."""
    try:
        view: Array = tensor.detach().numpy()
    except (TypeError, RuntimeError):  # on a device, sparse, or of a format that NumPy lacks
        return None
    return view
