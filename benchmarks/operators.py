"""PyTorch's own operators as pairs of NumPy functions, with inputs: gradients nobody here wrote."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

from capstone._typing import Array

MOST_ENTRIES = 400  # of all inputs together: every entry is compared, by PyTorch one by one
MOST_OUTPUTS = 1000


@dataclass(frozen=True)
class Operator:
    """One operator at one point.

    Args:
        name: PyTorch's.
        forward: of its differentiable inputs, as NumPy arrays; outputs are joined if several.
        vjp: `vjp(dy, *inputs) -> grads`, by PyTorch's own gradient.
        inputs: float64.
    """

    name: str
    forward: Callable[..., Array]
    vjp: Callable[..., tuple[Array, ...]]
    inputs: list[Array]


def operators() -> Iterator[tuple[str, Operator | str]]:
    """Every operator with a float64 gradient: its name, and the operator or why it is left out."""
    for info in op_db:
        if torch.float64 not in info.dtypes or not info.supports_autograd:
            continue
        name = ".".join(part for part in (info.name, info.variant_test_name) if part)
        yield name, _is_exempt(info) or _at_a_sample(name, info)


def _is_exempt(info: Any) -> str:
    """PyTorch's own tests of gradients leave some operators out."""
    for skip in info.skips:
        if getattr(skip, "cls_name", "") not in ("TestBwdGradients", "TestGradients"):
            continue
        test = skip.test_name or "test_fn_grad"
        if test == "test_fn_grad" and skip.is_active(skip.cls_name, test, "cpu", torch.float64, {}):
            return "PyTorch's own test of this gradient is skipped"
    return ""


def _at_a_sample(name: str, info: Any) -> Operator | str:
    """At the first sample that fits, if possible one whose gradient is not all zeros."""
    fitting, reason = None, "no sample of a fitting size"
    for sample in info.sample_inputs("cpu", torch.float64, requires_grad=True):
        operator = _wrap(name, info, sample)
        if not 0 < sum(array.size for array in operator.inputs) <= MOST_ENTRIES:
            continue
        try:
            y = operator.forward(*operator.inputs)
            is_same = np.array_equal(y, operator.forward(*operator.inputs), equal_nan=True)
            grads = operator.vjp(np.ones(y.shape), *operator.inputs)
        except Exception as error:  # sparse or complex arrays, outputs that are no tensors
            reason = f"cannot be wrapped: {type(error).__name__}"
            continue
        arrays = [y, *operator.inputs]
        if not is_same:
            return "the forward pass is random"
        if y.dtype.kind != "f" or not 0 < y.size <= MOST_OUTPUTS:
            continue
        if not all(np.isfinite(array).all() for array in arrays):
            reason = "samples with NaN or infinities"
            continue
        if any(grad.any() for grad in grads):
            return operator
        fitting = fitting or operator
    return fitting or reason


def _wrap(name: str, info: Any, sample: Any) -> Operator:
    """Functions of the sample's float64 tensors alone; everything else stays as it is."""
    leaves: list[torch.Tensor] = []

    def replaced(part: Any, values: list[torch.Tensor] | None) -> Any:
        """`part` with its tensors exchanged in order, or collected if there are no values."""
        if isinstance(part, torch.Tensor) and part.requires_grad and part.dtype == torch.float64:
            if values is None:
                leaves.append(part)
                return part
            return values.pop(0)
        if isinstance(part, dict):
            return {key: replaced(value, values) for key, value in part.items()}
        if isinstance(part, list) or type(part) is tuple:
            return type(part)(replaced(value, values) for value in part)
        return part

    def run(values: list[torch.Tensor]) -> torch.Tensor:
        remaining = list(values)
        first, *others = replaced([sample.input, *sample.args], remaining)
        keywords = replaced(sample.kwargs, remaining)
        # symmetric arguments and the like: PyTorch's test wraps those operators too
        y = info.gradcheck_wrapper(info.get_op(), first, *others, **keywords)
        y = sample.output_process_fn_grad(y) if sample.output_process_fn_grad else y
        outputs = [
            part for part in (y if isinstance(y, list | tuple) else [y]) if part.requires_grad
        ]
        return (
            outputs[0] if len(outputs) == 1 else torch.cat([part.reshape(-1) for part in outputs])
        )

    def tensors(arrays: tuple[Array, ...]) -> list[torch.Tensor]:
        return [torch.from_numpy(np.array(array)).requires_grad_() for array in arrays]

    def forward(*arrays: Array) -> Array:
        with torch.enable_grad():  # the check may be PyTorch's, inside of a backward pass
            return run(tensors(arrays)).detach().numpy(force=True).copy()

    def vjp(dy: Array, *arrays: Array) -> tuple[Array, ...]:
        with torch.enable_grad():
            values = tensors(arrays)
            upstream = torch.from_numpy(np.array(dy))
            grads = torch.autograd.grad(run(values), values, upstream, allow_unused=True)
        return tuple(
            np.zeros(array.shape) if grad is None else grad.numpy(force=True).copy()
            for grad, array in zip(grads, arrays, strict=True)
        )

    replaced([sample.input, *sample.args, sample.kwargs], None)
    return Operator(name, forward, vjp, [leaf.detach().numpy().copy() for leaf in leaves])
