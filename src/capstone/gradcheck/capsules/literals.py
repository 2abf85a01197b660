"""Arrays as expressions in Python, exact to the last bit."""

import json
from textwrap import wrap

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.stored import Stored

MOST_NUMBERS = 60  # of an array that is written out
WIDTH = 80  # beside the indentation and a name
INDENT = " " * 8
MAKERS = {"numpy": ("np", "array"), "torch": ("torch", "tensor"), "jax": ("jnp", "array")}
IMPORTS = {"np": "import numpy as np", "torch": "import torch", "jnp": "import jax.numpy as jnp"}


def is_short(array: Array) -> bool:
    """Few and finite numbers: those that can be written out."""
    return array.size <= MOST_NUMBERS and bool(np.isfinite(array).all())


def expression(stored: Stored) -> tuple[str, str]:
    """`np.array(...)`, or what the library calls it, and the line that imports the library."""
    assert stored.array is not None  # plain values are written by their repr
    home, maker = MAKERS[stored.library]
    words = [_numbers(stored.array), f"dtype={home}.{stored.dtype.removesuffix('_')}"]
    words += [f"device={json.dumps(stored.device)}"] if stored.device not in ("", "cpu") else []
    words += ["requires_grad=True"] if stored.is_tracked else []
    shape = f".reshape({stored.array.shape})" if not stored.array.size else ""
    text = f"{home}.{maker}({', '.join(words)}){shape}"
    lines = wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"\n{INDENT}".join(lines), IMPORTS[home]


def _numbers(array: Array) -> str:
    """Nested lists of the shortest numbers that are these ones in the array's precision."""
    if array.dtype.kind != "f":
        return repr(array.tolist())
    shortest = np.array([float(str(number)) for number in array.reshape(-1)], object)
    return repr(shortest.reshape(array.shape).tolist())
