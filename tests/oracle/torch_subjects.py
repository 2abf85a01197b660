"""A Function of PyTorch, its spoiled variants, and what a report says of them."""

import torch
from torch.autograd import Function

from capstone.gradcheck import Report


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


X, W = draw(3, 5), draw(5, 7, seed=1)


class Cube(Function):
    """`scale * (x @ w) ** 3`, in the style with a context in both passes."""

    @staticmethod
    def forward(ctx, x, w, scale):
        ctx.save_for_backward(x, w)
        ctx.scale = scale
        return scale * (x @ w) ** 3

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dh = 3 * ctx.scale * (x @ w) ** 2 * dy
        return dh @ w.T, x.T @ dh, None


def spoiled(backward, base=Cube):
    """The same Function with another backward pass."""
    return type("Spoiled", (base,), {"backward": staticmethod(backward)})


def altered(change):
    """`Cube` whose gradients are changed before they are returned."""
    return spoiled(lambda ctx, dy: change(ctx, *Cube.backward(ctx, dy)))


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def messages(report: Report) -> list[str]:
    return [finding.message for finding in report.findings]
