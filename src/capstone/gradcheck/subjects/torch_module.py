"""A `torch.nn.Module` as a subject: its parameters by name, its buffers as they were."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from capstone.gradcheck.subjects.arrays import is_tensor, loaded
from capstone.gradcheck.subjects.layers import own_copy
from capstone.gradcheck.subjects.signatures import argument_names
from capstone.gradcheck.subjects.torch_subject import Run, TorchSubject, with_constants
from capstone.gradcheck.usage import refuse


def torch_module(module: Any, inputs: Sequence[Any]) -> TorchSubject:
    """A module in the mode that it is in; every pass starts from the same buffers.

    Raises:
        UsageError: a forward pass that draws random numbers, as dropout does in training.
    """
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
    subject = TorchSubject(run, [*able, *named.values()], [*names, *named], name)
    _refuse_random(module, subject)
    return subject


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


def _refuse_random(module: Any, subject: TorchSubject) -> None:
    """A gradient of a forward pass that differs from call to call means nothing.

    Raises:
        UsageError: it draws random numbers, and they show.
    """
    torch = loaded("torch")
    values = [argument.value for argument in subject.arguments]
    before = _generators(torch)
    try:
        first, second = (np.asarray(subject.forward(values)[0]) for _ in range(2))
    except Exception:  # the base pass puts it in words
        return
    finally:
        pairs = zip(before, _generators(torch), strict=True)
        has_drawn = not all(torch.equal(old, new) for old, new in pairs)
        torch.set_rng_state(before[0])
        if before[1:]:
            torch.cuda.set_rng_state_all(before[1:])
    if has_drawn and not np.array_equal(first, second, equal_nan=True):
        dropouts = [
            f"{name or 'itself'} (p={part.p})"
            for name, part in module.named_modules()
            if part.training and getattr(part, "p", 0) and "Dropout" in type(part).__name__
        ]
        rule = f"forward of {subject.name} must not be random"
        got = f"random numbers drawn by {', '.join(dropouts[:3]) or 'the forward pass'}"
        mend = "call .eval(), or set p to 0"
        refuse(rule, expected="the same output each time", got=got, mend=mend)


def _generators(torch: Any) -> list[Any]:
    """The states of PyTorch's own generators: the processor's, and those of GPUs in use."""
    has_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if has_gpu else [])]
