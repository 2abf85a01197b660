"""Arrays out of whatever callers hand over, and out of whatever a forward pass saves."""

from dataclasses import is_dataclass
from typing import Any

import numpy as np

from capstone._typing import Array


def as_array(thing: Any) -> Array | None:
    """`thing` as an array; None where NumPy cannot make one, as of rows of unequal length."""
    try:
        return np.asarray(thing)
    except (ValueError, TypeError):
        return None


def arrays_in(saved: Any) -> list[Array]:
    """All arrays inside nested tuples, lists, dictionaries and dataclasses."""
    if isinstance(saved, np.ndarray):
        return [saved]
    if isinstance(saved, dict):
        saved = list(saved.values())
    elif is_dataclass(saved) and not isinstance(saved, type):
        saved = list(vars(saved).values())
    if isinstance(saved, tuple | list):
        return [array for item in saved for array in arrays_in(item)]
    return []
