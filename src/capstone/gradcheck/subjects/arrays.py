"""Arrays out of whatever callers hand over, and out of whatever a forward pass saves."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from capstone._typing import Array


def as_array(thing: Any) -> Array | None:
    """`thing` as an array; None where NumPy cannot make one, as of rows of unequal length."""
    try:
        return np.asarray(thing)
    except (ValueError, TypeError):
        return None


def arrays_in(saved: Any, above: tuple[int, ...] = ()) -> list[Array]:
    """All arrays inside nested tuples, lists, dictionaries and dataclasses.

    `above` are the ids of the containers around: a child that knows its parent ends the search.
    """
    if isinstance(saved, np.ndarray):
        return [saved]
    if id(saved) in above:
        return []
    above = (*above, id(saved))
    if isinstance(saved, dict):
        items = list(saved.values())
    elif is_dataclass(saved) and not isinstance(saved, type):
        items = [getattr(saved, field.name, None) for field in fields(saved)]
    else:
        items = list(saved) if isinstance(saved, tuple | list) else []
    return [array for item in items for array in arrays_in(item, above)]
