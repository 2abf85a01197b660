"""A `torch.nn.Module` as a subject: its parameters by name, its buffers as they were."""

from collections.abc import Sequence
from typing import Any

from capstone.gradcheck.subjects.arrays import is_tensor, loaded
from capstone.gradcheck.subjects.layers import own_copy
from capstone.gradcheck.subjects.signatures import argument_names
from capstone.gradcheck.subjects.torch_subject import Run, TorchSubject, with_constants


def torch_module(module: Any, inputs: Sequence[Any]) -> TorchSubject:
    """A module in the mode that it is in; every pass starts from the same buffers."""
    name, module = type(module).__name__, own_copy(module)
    labels = argument_names(module.forward, len(inputs))
    named = dict(module.named_parameters())
    tensors = [thing for thing in inputs if is_tensor(thing)]
    names = [label for label, t in zip(labels, inputs, strict=True) if is_tensor(t)]
    # requires_grad of an input is not needed where there are parameters: all can be compared
    asked = any(tensor.requires_grad for tensor in tensors)
    able = [
        t if asked or not t.is_floating_point() else t.detach().requires_grad_() for t in tensors
    ]
    run = _functional(module, list(named), inputs, len(tensors))
    return TorchSubject(run, [*able, *named.values()], [*names, *named], name)


def _functional(module: Any, names: Sequence[str], inputs: Sequence[Any], n_tensors: int) -> Run:
    """The module as a function of its inputs and parameters, which leaves itself alone."""
    torch = loaded("torch")
    buffers = dict(module.named_buffers())

    def run(tensors: list[Any]) -> Any:
        given, learned = tensors[:n_tensors], tensors[n_tensors:]
        is_wide = any(t.dtype in (torch.float64, torch.complex128) for t in tensors)
        state = {
            name: buffer.double() if is_wide and buffer.is_floating_point() else buffer.clone()
            for name, buffer in buffers.items()
        }
        # parameters lie in memory as modules make them: that is nothing to test a module with
        state |= {n: value.contiguous() for n, value in zip(names, learned, strict=True)}

        def call(*arguments: Any) -> Any:
            return torch.func.functional_call(module, state, arguments)

        return with_constants(call, inputs)(given)

    return run
