"""A learned array and its gradient, and how many of them come to lie in one piece of memory."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from capstone._checks import fail
from capstone._typing import Array


class Parameter:
    """A learned array together with the gradient that backward passes add up for it.

    Weight sharing is two layers holding the same `Parameter`: both add to the one `grad`.

    Args:
        data: the values; not copied.
        grad: the gradient so far, of the shape and dtype of `data`; zeros if not given.
        name: how messages call it, such as `blocks.0.attention.wqkv`.

    Raises:
        UsageError: a gradient of another shape or dtype.
    """

    __slots__ = ("data", "grad", "name")

    def __init__(self, data: Array, grad: Array | None = None, name: str = "") -> None:
        if grad is not None and (grad.shape, grad.dtype) != (data.shape, data.dtype):
            rule, expected = "grad must match data", f"{data.dtype} {data.shape}"
            fail("Parameter", rule, expected=expected, got=f"{grad.dtype} {grad.shape}")
        self.data = data
        self.grad = np.zeros_like(data) if grad is None else grad
        self.name = name

    def zero_grad(self) -> None:
        """Forget the gradient; the array itself stays the same."""
        self.grad.fill(0)

    def __repr__(self) -> str:
        return f"Parameter({self.name or 'unnamed'}, shape={self.data.shape}, {self.data.dtype})"


class Flat(NamedTuple):
    """The arrays that hold all parameters of a model, and all their gradients."""

    data: Array  # (number of entries,)
    grad: Array  # (number of entries,)


def pack(parameters: Iterable[Parameter]) -> Flat:
    """Move the parameters into one contiguous array, and their gradients into another.

    Each `data` and `grad` becomes a view, so that an optimizer step, a norm or a reset is one pass
    over memory. Arrays of two or more axes come first: weight decay acts on a prefix.

    Args:
        parameters: different parameters of one dtype.

    Returns:
        The two flat arrays.
    """
    ordered = sorted(parameters, key=lambda parameter: parameter.data.ndim < 2)
    data = np.concatenate([parameter.data.ravel() for parameter in ordered])
    grad = np.concatenate([parameter.grad.ravel() for parameter in ordered])
    start = 0
    for parameter in ordered:
        shape, stop = parameter.data.shape, start + parameter.data.size
        parameter.data = data[start:stop].reshape(shape)
        parameter.grad = grad[start:stop].reshape(shape)
        start = stop
    return Flat(data, grad)
