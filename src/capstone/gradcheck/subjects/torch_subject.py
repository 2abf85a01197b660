"""Functions of PyTorch's tensors as subjects: autograd runs the backward pass."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import arrays_in, is_tensor, loaded
from capstone.gradcheck.subjects.signatures import argument_names, callable_name
from capstone.gradcheck.subjects.subject import Stateless, frozen, stacked_values
from capstone.gradcheck.subjects.torch_library import TorchLibrary
from capstone.gradcheck.warnings_here import warnings_here

Run = Callable[[list[Any]], Any]
"""From the tensors to what the forward pass returns."""


@dataclass
class Pass:
    """One forward pass that is still open."""

    values: Sequence[Array]
    leaves: list[Any]
    y: Any
    held: list[Array]
    """Arrays of the inputs and of what was saved, that no gradient may share memory with."""
    run_again: Callable[[Sequence[Array]], tuple[Any, Any]]

    def __deepcopy__(self, memo: Any) -> "Pass":
        """Autograd's graph cannot be copied; the same pass once more saves values of its own."""
        again: Pass = self.run_again(self.values)[1]
        return again


class TorchSubject(Stateless):
    """A function of tensors whose backward pass is autograd's.

    Args:
        run: from a list of tensors, one an argument, to the output: a tensor, or several in a
            tuple, list or dictionary, which count as one flat array.
        tensors: one an argument.
        names: of the arguments.
        name: how the report calls it.
    """

    def __init__(self, run: Run, tensors: Sequence[Any], names: Sequence[str], name: str) -> None:
        self.run, self.name = run, name
        self.torch = loaded("torch")
        self.library = TorchLibrary()
        self.spots = [self.library.spot(tensor) for tensor in tensors]
        is_chosen = any(tensor.requires_grad for tensor in tensors)
        self.arguments = tuple(
            frozen(
                label,
                self.library.host(tensor),
                is_differentiable=tensor.requires_grad or not is_chosen,
                coarse_eps=self.library.coarse_eps(tensor),
            )
            for label, tensor in zip(names, tensors, strict=True)
        )

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, saved)` at the given values of all arguments.

        Several points at once, on a leading axis, are nothing to go backward from.
        """
        if stacked := stacked_values(values, self.arguments):
            try:
                with warnings_here("ignore"):
                    return self.library.call(self._mapped(stacked), stacked, self.spots), None
            except Exception:  # not all that autograd can do can be mapped: it may broadcast
                pass
        leaves: list[Any] = []

        def run(placed: list[Any]) -> Any:
            for tensor, argument in zip(placed, self.arguments, strict=True):
                leaves.append(tensor.requires_grad_(argument.is_differentiable))
            return self.run(leaves)

        with self._warnings(values):
            outputs = self.library.call(run, values, self.spots)
        y = joined(self.torch, tensors_in(outputs)) if tensors_in(outputs) else outputs
        held = arrays_in(leaves) + arrays_in(self._saved_by(y))
        return self.library.host(y), Pass(values, leaves, y, held, self.forward)

    def _mapped(self, values: Sequence[Array]) -> Callable[[list[Any]], Any]:
        """The forward pass, mapped over the leading axis of those values that have one."""
        pairs = zip(values, self.arguments, strict=True)
        axes = tuple(0 if value.ndim > a.value.ndim else None for value, a in pairs)

        def one(*tensors: Any) -> Any:
            return joined(self.torch, tensors_in(self.run(list(tensors))))

        def run(placed: list[Any]) -> Any:
            with self.torch.no_grad():
                return self.library.host(self.torch.func.vmap(one, in_dims=axes)(*placed))

        return run

    def _warnings(self, values: Sequence[Array]) -> AbstractContextManager[Any]:
        """What becomes of warnings: those at inputs like the caller's own are for the caller."""
        if any(value.dtype.kind == "c" for value in values):
            return warnings_here("error")  # an imaginary part may be dropped
        pairs = zip(values, self.arguments, strict=True)
        is_stacked = any(value.shape != argument.value.shape for value, argument in pairs)
        return warnings_here("ignore") if is_stacked else nullcontext()

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """One gradient per differentiable argument."""
        guard = [
            s for s, v in zip(saved.leaves, saved.values, strict=True) if not v.flags.writeable
        ]
        before = self.library.snapshot(guard)
        spot = self.library.spot(saved.y)
        grads = self.library.call(lambda placed: self._grads(placed[0], saved), [dy], [spot])
        self.library.compare(guard, before)
        return [self._own(grad, saved.held) for grad in grads]

    def _grads(self, dy: Any, saved: Pass) -> list[Any]:
        """Autograd's gradients; zeros where the output does not depend on an argument."""
        wanted = [leaf for leaf in saved.leaves if leaf.requires_grad]
        if not saved.y.requires_grad:
            return [self.torch.zeros_like(leaf) for leaf in wanted]
        grads = self.torch.autograd.grad(saved.y, wanted, dy, allow_unused=True, retain_graph=True)
        pairs = zip(grads, wanted, strict=True)
        return [self.torch.zeros_like(w) if grad is None else grad for grad, w in pairs]

    def _saved_by(self, y: Any) -> Any:
        """What a hand-written pass saved; autograd's own passes keep that to themselves."""
        return ()

    def _own(self, grad: Any, held: Sequence[Array]) -> Any:
        """A gradient as an array; a copy, unless it shares memory that it must not share.

        Autograd's own convention lets a gradient be the upstream gradient, or be returned twice.
        """
        array = self.library.host(grad)
        if not isinstance(array, np.ndarray):
            return array
        is_shared = any(np.shares_memory(array, other) for other in held)
        return array if is_shared else array.copy()


def with_constants(function: Callable[..., Any], inputs: Sequence[Any]) -> Run:
    """`function` of the tensors among the inputs; the other inputs stay what they are."""
    positions = [i for i, thing in enumerate(inputs) if is_tensor(thing)]

    def run(tensors: list[Any]) -> Any:
        given = list(inputs)
        for position, tensor in zip(positions, tensors, strict=True):
            given[position] = tensor
        return function(*given)

    return run


def torch_callable(function: Callable[..., Any], inputs: Sequence[Any]) -> TorchSubject:
    """A function of tensors and of whatever else it takes."""
    names = argument_names(function, len(inputs))
    positions = [i for i, thing in enumerate(inputs) if is_tensor(thing)]
    tensors, labels = [inputs[i] for i in positions], [names[i] for i in positions]
    return TorchSubject(with_constants(function, inputs), tensors, labels, callable_name(function))


def tensors_in(outputs: Any) -> list[Any]:
    """Tensors in nested tuples, lists and dictionaries, in order."""
    if is_tensor(outputs):
        return [outputs]
    items = outputs.values() if isinstance(outputs, dict) else outputs
    nested = isinstance(outputs, dict | tuple | list)
    return [tensor for item in items for tensor in tensors_in(item)] if nested else []


def joined(torch: Any, tensors: list[Any]) -> Any:
    """The one output; of several, those that have a gradient, flattened and concatenated."""
    if len(tensors) == 1:
        return tensors[0]
    numbers = [t for t in tensors if t.is_floating_point() or t.is_complex()]
    chosen = [t for t in numbers if t.requires_grad] or numbers
    return torch.cat([t.reshape(-1) for t in chosen]) if chosen else tensors[0]
