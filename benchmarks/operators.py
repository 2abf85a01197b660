"""PyTorch's own operators as functions of tensors, with inputs: gradients nobody here wrote."""

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
        run: of its differentiable inputs; outputs are joined if several.
        inputs: float64 tensors.
    """

    name: str
    run: Callable[..., torch.Tensor]
    inputs: list[torch.Tensor]

    def forward(self) -> Array:
        """The output."""
        with torch.no_grad():
            return self.run(*self.inputs).numpy(force=True).copy()

    def vjp(self, dy: Array) -> list[Array]:
        """PyTorch's own gradients."""
        leaves = [tensor.clone().requires_grad_() for tensor in self.inputs]
        return [grad.numpy(force=True).copy() for grad in self.grads(torch.from_numpy(dy), leaves)]

    def grads(self, dy: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
        """The same as tensors; zeros for inputs that the output does not depend on."""
        with torch.enable_grad():  # the caller may be inside of a backward pass
            grads = torch.autograd.grad(self.run(*leaves), leaves, dy, allow_unused=True)
        pairs = zip(grads, leaves, strict=True)
        return [torch.zeros_like(leaf) if grad is None else grad for grad, leaf in pairs]


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
        if not 0 < sum(tensor.numel() for tensor in operator.inputs) <= MOST_ENTRIES:
            continue
        try:
            y = operator.forward()
            is_same = np.array_equal(y, operator.forward(), equal_nan=True)
            grads = operator.vjp(np.ones(y.shape))
        except Exception as error:  # sparse or complex arrays, outputs that are no tensors
            reason = f"cannot be wrapped: {type(error).__name__}"
            continue
        if not is_same:
            return "the forward pass is random"
        if y.dtype.kind != "f" or not 0 < y.size <= MOST_OUTPUTS:
            continue
        if not all(np.isfinite(array).all() for array in [y, *map(np.asarray, operator.inputs)]):
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

    def run(*values: torch.Tensor) -> torch.Tensor:
        remaining = list(values)
        first, *others = replaced([sample.input, *sample.args], remaining)
        keywords = replaced(sample.kwargs, remaining)
        # symmetric arguments and the like: PyTorch's test wraps those operators too
        y = info.gradcheck_wrapper(info.get_op(), first, *others, **keywords)
        y = sample.output_process_fn_grad(y) if sample.output_process_fn_grad else y
        listed = y if isinstance(y, list | tuple) else [y]
        outputs = [listed[i] for i in numbers]
        return (
            outputs[0] if len(outputs) == 1 else torch.cat([part.reshape(-1) for part in outputs])
        )

    replaced([sample.input, *sample.args, sample.kwargs], None)
    numbers = [0]
    try:
        y = run_once(info, sample)
        numbers = [i for i, part in enumerate(y) if part.requires_grad] or [0]
    except Exception:  # the caller meets it again, and says so
        pass
    return Operator(name, run, [leaf.detach().clone() for leaf in leaves])


def run_once(info: Any, sample: Any) -> list[torch.Tensor]:
    """All outputs at the sample itself."""
    y = info.gradcheck_wrapper(info.get_op(), sample.input, *sample.args, **sample.kwargs)
    y = sample.output_process_fn_grad(y) if sample.output_process_fn_grad else y
    return list(y) if isinstance(y, list | tuple) else [y]
