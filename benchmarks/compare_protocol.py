"""Which tools notice mistakes that leave the numbers right: this verifier, PyTorch, JAX, autograd.

    python benchmarks/compare_protocol.py

Every line is one kind of mistake, with a good and a bad subject of `tests/gradcheck`. The other
libraries get the same NumPy functions, wrapped as a function of theirs with a gradient written by
hand, and their own check of it with its defaults, in float64. "found" means that the bad subject is
rejected and the good one is not; "-" that such a mistake cannot be written there.
Needs torch, jax and autograd.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from capstone._typing import Array
from capstone.gradcheck import Op, check
from gradcheck.protocol_pairs import PAIRS, Pair

Accepts = Callable[[Any, Sequence[Array]], bool]


def by_capstone(subject: Any, inputs: Sequence[Array]) -> bool:
    """Does the verifier accept the subject?"""
    return check(subject, *inputs).ok


def by_torch(op: Op, inputs: Sequence[Array]) -> bool:
    """Does `torch.autograd.gradcheck` accept it as an `autograd.Function`?"""
    import torch

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            y, ctx.saved = op.forward(*(tensor.numpy() for tensor in tensors))
            return torch.from_numpy(np.asarray(y))

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            grads = op.backward(grad_outputs[0].numpy(), ctx.saved)
            listed = grads if isinstance(grads, tuple) else (grads,)
            return tuple(None if grad is None else torch.from_numpy(grad) for grad in listed)

    tensors = [torch.from_numpy(array.copy()).requires_grad_() for array in inputs]
    return bool(torch.autograd.gradcheck(Wrapped.apply, tensors))


def by_jax(op: Op, inputs: Sequence[Array]) -> bool:
    """Does `jax.test_util.check_grads` accept it as a `custom_vjp`?"""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    kept: list[Any] = []  # saved values of each call, which need not be arrays
    y_shape = jax.ShapeDtypeStruct(np.shape(op.forward(*inputs)[0]), np.float64)
    x_shapes = tuple(jax.ShapeDtypeStruct(array.shape, np.float64) for array in inputs)

    def run(*arrays: Any) -> Any:
        y, saved = op.forward(*(np.array(array) for array in arrays))
        kept.append(saved)
        return np.asarray(y), np.array(len(kept) - 1, np.int32)

    def call(*arrays: Any) -> Any:
        return jax.pure_callback(run, (y_shape, jax.ShapeDtypeStruct((), np.int32)), *arrays)

    def pull(number: Any, dy: Any) -> Any:
        grads = op.backward(np.array(dy), kept[int(number)])
        return grads if isinstance(grads, tuple) else (grads,)

    wrapped = jax.custom_vjp(lambda *arrays: call(*arrays)[0])
    wrapped.defvjp(call, lambda number, dy: jax.pure_callback(pull, x_shapes, number, dy))
    check_grads(wrapped, inputs, order=1, modes=["rev"])
    return True


def by_autograd(op: Op, inputs: Sequence[Array]) -> bool:
    """Does `autograd.test_util.check_grads` accept it as a `primitive`?"""
    from autograd.extend import defvjp_argnums, primitive
    from autograd.test_util import check_grads

    kept: list[Any] = []

    def forward(*arrays: Any) -> Any:
        y, saved = op.forward(*arrays)
        kept.append(saved)
        return y

    wrapped = primitive(forward)

    def pull(argnums: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        saved = kept[-1]

        def vjp(dy: Any) -> Any:
            grads = op.backward(dy, saved)
            listed = grads if isinstance(grads, tuple) else (grads,)
            return [listed[argnum] for argnum in argnums]

        return vjp

    defvjp_argnums(wrapped, pull)
    check_grads(wrapped, modes=["rev"], order=1)(*inputs)
    return True


TOOLS: dict[str, Accepts] = {
    "capstone": by_capstone,
    "torch": by_torch,
    "jax": by_jax,
    "autograd": by_autograd,
}


def accepts(tool: Accepts, subject: Any, inputs: Sequence[Array]) -> bool:
    """Whatever a library raises counts as a rejection."""
    np.random.seed(0)  # noqa: NPY002 -- autograd's check draws from NumPy's global generator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tool(subject, [array.copy() for array in inputs])
        except Exception:
            return False


def outcome(name: str, pair: Pair) -> str:
    """One cell of the table."""
    if name != "capstone" and not pair.expressible:
        return "-"
    good, bad = (accepts(TOOLS[name], made(), pair.inputs()) for made in (pair.good, pair.bad))
    return {(True, False): "found", (True, True): "missed"}.get((good, bad), "false alarm")


def main() -> None:
    """Print the table, and how many each tool tells apart."""
    print(f"{'mistake':32}" + "".join(f"{name:>13}" for name in TOOLS))
    found = dict.fromkeys(TOOLS, 0)
    for pair in PAIRS:
        cells = {name: outcome(name, pair) for name in TOOLS}
        print(f"{pair.kind:32}" + "".join(f"{cell:>13}" for cell in cells.values()))
        for name, cell in cells.items():
            found[name] += cell == "found"
    totals = [f"{count} of {len(PAIRS)}" for count in found.values()]
    print(f"{'told apart':32}" + "".join(f"{total:>13}" for total in totals))


if __name__ == "__main__":
    main()
