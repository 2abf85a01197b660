"""JAX as a subject: functions of its arrays, or of nested containers of them, with `jax.vjp`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import loaded
from capstone.gradcheck.subjects.find_library import is_jax_array
from capstone.gradcheck.subjects.jax_library import JaxLibrary
from capstone.gradcheck.subjects.signatures import argument_names, callable_name
from capstone.gradcheck.subjects.subject import (
    ContractBrokenError,
    Stateless,
    frozen,
    stacked_values,
)

ROUNDINGS = 256.0  # between the outputs of a function and of its forward rule, in units of eps


@dataclass(frozen=True)
class At:
    """The point of a forward pass: `jax.vjp` runs it again."""

    values: Sequence[Array]
    y: Any


class JaxSubject(Stateless):
    """A function that JAX can differentiate, `custom_vjp` or not.

    Arrays anywhere in the inputs are arguments, named by their path; whatever else stands there,
    and the `nondiff_argnums` of a `custom_vjp`, is passed along.

    Args:
        function: returns an array, or several in containers, which count as one flat array.
        inputs: of the function.
        names: of the inputs; those of the function's signature if not given.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Any],
        names: Sequence[str] | None = None,
    ) -> None:
        self.function, self.name = function, callable_name(function)
        self.jax, self.library = loaded("jax"), JaxLibrary()
        tree = self.jax.tree_util
        labels = names or argument_names(function, len(inputs))
        constant = {n % len(inputs) for n in getattr(function, "nondiff_argnums", None) or ()}
        paths, self.structure = tree.tree_flatten_with_path(tuple(inputs))
        self.leaves = [leaf for _, leaf in paths]
        self.positions = [
            i
            for i, (path, leaf) in enumerate(paths)
            if path[0].idx not in constant and (isinstance(leaf, np.ndarray) or is_jax_array(leaf))
        ]
        things = [self.leaves[i] for i in self.positions]
        self.spots = [
            self.library.spot(t) if is_jax_array(t) else np.asarray(t).dtype for t in things
        ]
        ways = [paths[i][0] for i in self.positions]
        names = [labels[way[0].idx] + tree.keystr(way[1:]) for way in ways]
        self.arguments = tuple(
            frozen(name, self.library.host(thing), coarse_eps=self.library.coarse_eps(thing))
            for name, thing in zip(names, things, strict=True)
        )

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, saved)` at the given values of all arguments.

        Several points at once, on a leading axis, are nothing to go backward from.
        """
        if stacked := stacked_values(values, self.arguments):
            y = self.library.call(self._mapped(stacked), stacked, self.spots)
            return self.library.host(y), None
        y = self.library.host(self.library.call(self.run, values, self.spots))
        return y, At(values, y)

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """One gradient per differentiable argument."""
        able = [i for i, argument in enumerate(self.arguments) if argument.is_differentiable]

        def run(placed: list[Any]) -> Any:
            def of_some(*some: Any) -> Any:
                everything = list(placed)
                for i, value in zip(able, some, strict=True):
                    everything[i] = value
                return self.run(everything)

            y, pull_back = self.jax.vjp(of_some, *(placed[i] for i in able))
            upstream = self.jax.numpy.asarray(dy, dtype=y.dtype)
            return y, pull_back(upstream)

        y, grads = self.library.call(run, saved.values, self.spots)
        _check_same_output(saved.y, self.library.host(y))
        return [self.library.host(grad) for grad in grads]

    def _mapped(self, values: Sequence[Array]) -> Callable[[list[Any]], Any]:
        """The function, mapped over the leading axis of those values that have one."""
        pairs = zip(values, self.arguments, strict=True)
        axes = tuple(0 if value.ndim > a.value.ndim else None for value, a in pairs)
        mapped = self.jax.vmap(lambda *arrays: self.run(arrays), in_axes=axes)
        return lambda placed: mapped(*placed)

    def run(self, placed: Sequence[Any]) -> Any:
        """The function, with these arrays in their places among the inputs."""
        leaves = list(self.leaves)
        for position, value in zip(self.positions, placed, strict=True):
            leaves[position] = value
        outputs = self.function(*self.jax.tree_util.tree_unflatten(self.structure, leaves))
        arrays = [a for a in self.jax.tree_util.tree_leaves(outputs) if is_jax_array(a)]
        if not arrays or outputs is arrays[0]:
            return outputs
        numpy = self.jax.numpy
        numbers = [a for a in arrays if numpy.issubdtype(a.dtype, numpy.inexact)]
        return numpy.concatenate([a.reshape(-1) for a in numbers]) if numbers else outputs


def _check_same_output(y: Any, of_rule: Any) -> None:
    """A `custom_vjp` has two forward passes: the function, and the rule that saves residuals.

    Raises:
        ContractBrokenError: they differ by more than rounding.
    """
    size = float(np.max(np.abs(y), initial=0))
    allowed = ROUNDINGS * float(np.finfo(y.dtype).eps) * size
    if y.shape != of_rule.shape or not np.all(np.abs(y - of_rule) <= allowed):
        raise ContractBrokenError("the forward rule gives another output than the function itself")
