"""The learning-rate schedule once more, from PyTorch's own parts."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR


def make_warmup_cosine(
    optimizer: Optimizer, *, min_lr: float, warmup_steps: int, total_steps: int
) -> SequentialLR:
    """Climb to the optimizer's own rate, then follow half a cosine; the last step is at `min_lr`.

    PyTorch counts the cosine's steps from the peak, which is at step `warmup_steps`.
    """
    climb = LinearLR(optimizer, start_factor=1 / (warmup_steps + 1), total_iters=warmup_steps)
    fall = CosineAnnealingLR(optimizer, T_max=total_steps - 1 - warmup_steps, eta_min=min_lr)
    return SequentialLR(optimizer, [climb, fall], milestones=[warmup_steps])
