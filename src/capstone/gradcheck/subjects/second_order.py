"""Second order: the backward pass itself as a subject.

Its inputs are the upstream gradient and the inputs of the forward pass, its output are the
gradients that it returns. Its own backward pass is what is checked: for a pair of functions the one
given as `backward_of_backward`, for PyTorch and JAX the backward pass differentiated once more.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.subjects.functions import FunctionSubject
from capstone.gradcheck.subjects.jax_subject import JaxSubject
from capstone.gradcheck.subjects.subject import Stateless, Subject, frozen, one_each
from capstone.gradcheck.subjects.torch_subject import TorchSubject, joined, tensors_in
from capstone.gradcheck.usage import in_one_line, refuse


def second_order(first: Subject, seed: int) -> Subject:
    """The backward pass of a subject, as a subject.

    Raises:
        UsageError: a backward pass that cannot be differentiated, a forward pass that fails.
    """
    if isinstance(first, TorchSubject):
        return _of_torch(first, _upstream(first, seed))
    if isinstance(first, JaxSubject):
        return _of_jax(first, _upstream(first, seed))
    if isinstance(first, FunctionSubject) and first.op.backward_of_backward is not None:
        return SecondOrderOp(first, _upstream(first, seed))
    expected = "an Op with backward_of_backward, or something of PyTorch or JAX"
    rule = f"order=2 needs a backward pass of the backward pass of {first.name}"
    refuse(rule, expected=expected, got="none")


def _upstream(first: Subject, seed: int) -> Array:
    """A random signed upstream gradient of the first pass, where the second one is checked."""
    values = [argument.value for argument in first.arguments]
    try:
        with np.errstate(all="ignore"):
            y = np.asarray(first.forward(values)[0])
    except Exception as error:  # whatever a subject raises is put in words
        rule = f"forward of {first.name} must run on the given inputs"
        refuse(rule, expected="an output", got=in_one_line(error))
    if y.dtype.kind != "f":
        rule = f"forward of {first.name} must return one floating-point array"
        refuse(rule, expected="an array", got=f"dtype {y.dtype}")
    return signed(np.random.default_rng(seed), y.shape, y.dtype)


class SecondOrderOp(Stateless):
    """The backward pass of an `Op`, with `backward_of_backward` as its backward pass.

    Args:
        first: the subject of the `Op`.
        dy: upstream gradient of its forward pass.
    """

    def __init__(self, first: FunctionSubject, dy: Array) -> None:
        self.first = first
        self.name = f"backward of {first.name}"
        self.arguments = (frozen("dy", dy), *first.arguments)

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """The gradients that the backward pass returns, and what led to them."""
        dy, *inputs = values
        _, held = self.first.forward(inputs)
        grads = self.first.backward(dy, held)
        return _flat([np.asarray(grad) for grad in grads]), (dy, held, grads)

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """Gradients with respect to the upstream gradient and to the inputs."""
        upstream, held, grads = saved
        first, run = self.first, self.first.op.backward_of_backward
        assert run is not None
        able = zip(first.spots, first.arguments, strict=True)
        spots = [spot for spot, argument in able if argument.is_differentiable]
        result = first.library.call(
            lambda placed: run(tuple(placed[:-1]), placed[-1], held.saved),
            [*_split(dy, grads), upstream],
            [*spots, held.spot],
        )
        return [first.library.host(grad) for grad in one_each(result, self.arguments)]


def _of_torch(first: TorchSubject, dy: Array) -> TorchSubject:
    """Autograd's or a Function's backward pass, run so that autograd can differentiate it."""
    torch, library = first.torch, first.library
    values = [argument.value for argument in first.arguments]
    _, held = first.forward(values)

    def run(tensors: list[Any]) -> Any:
        upstream, *inputs = tensors
        wanted = [t for t, a in zip(inputs, first.arguments, strict=True) if a.is_differentiable]
        y = joined(torch, tensors_in(first.run(inputs)))
        return torch.autograd.grad(
            y, wanted, upstream, create_graph=True, allow_unused=True, materialize_grads=True
        )

    tensors = [library.place(v, s) for v, s in zip(values, first.spots, strict=True)]
    for tensor, argument in zip(tensors, first.arguments, strict=True):
        tensor.requires_grad_(argument.is_differentiable)
    tensors = [library.place(dy, library.spot(held.y)).requires_grad_(), *tensors]
    names = ["dy", *(argument.name for argument in first.arguments)]
    subject = TorchSubject(run, tensors, names, f"backward of {first.name}")
    _refuse_once_differentiable(subject, first)
    return subject


def _refuse_once_differentiable(subject: TorchSubject, first: TorchSubject) -> None:
    """Try it once.

    Raises:
        UsageError: autograd says that the backward pass cannot be differentiated.
    """
    values = [argument.value for argument in subject.arguments]
    try:
        _, held = subject.forward(values)
        if held.y.requires_grad:
            held.y.backward(subject.torch.zeros_like(held.y))  # runs every step, used or not
    except (RuntimeError, NotImplementedError) as error:
        words = str(error).replace("\n", " ")
        got = words if "once_differentiable" not in words else "one that is @once_differentiable"
        rule = f"order=2 needs a backward pass of {first.name} that can be differentiated"
        refuse(rule, expected="one that autograd can run backward", got=got)


def _of_jax(first: JaxSubject, dy: Array) -> JaxSubject:
    """`jax.vjp` of what `jax.vjp` gives."""
    able = [i for i, argument in enumerate(first.arguments) if argument.is_differentiable]

    def backward(upstream: Any, *inputs: Any) -> Any:
        def of_some(*some: Any) -> Any:
            replaced = dict(zip(able, some, strict=True))
            return first.run([replaced.get(i, value) for i, value in enumerate(inputs)])

        _, pull_back = first.jax.vjp(of_some, *(inputs[i] for i in able))
        grads = pull_back(upstream)
        return grads[0] if len(grads) == 1 else grads

    names = ["dy", *(argument.name for argument in first.arguments)]
    values = [argument.value for argument in first.arguments]
    subject = JaxSubject(backward, [dy, *values], names=names)
    subject.name = f"backward of {first.name}"
    return subject


def _flat(grads: Sequence[Array]) -> Array:
    """One gradient as it is; several flattened and joined."""
    if len(grads) == 1:
        return grads[0]
    return np.concatenate([grad.reshape(-1) for grad in grads])


def _split(flat: Array, like: Sequence[Any]) -> list[Array]:
    """The parts of a flat array, in the shapes of the gradients that it was made of."""
    if len(like) == 1:
        return [flat]
    sizes = np.cumsum([np.size(grad) for grad in like])[:-1]
    parts = np.split(flat, sizes)
    return [part.reshape(np.shape(g)) for part, g in zip(parts, like, strict=True)]
