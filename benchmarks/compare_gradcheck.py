"""How fast a check is, beside PyTorch's on the same function and beside training steps.

    python benchmarks/compare_gradcheck.py [--rounds 7]

Three ratios, each the median of rounds in which the two sides take turns, every side a process of
its own with one thread:

* causal attention (B 2, T 5, D 12, H 3; 696 entries): `torch.autograd.gradcheck` in its slow mode,
  against the comparison of every entry of the same function, the choice of the method included;
* the same against the whole `check`: the rules of the protocol too, which PyTorch's has not;
* the whole `tiny` model (0.8 M parameters, 2 x 16 tokens, float64): ten training steps of its
  preset, against `check` along projections, the rules included.

The first two need torch.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

B, T, D, H = 2, 5, 12, 3
CALLS = 7  # of which the fastest counts: the first calls of a process are slow


def attention_by_torch() -> Callable[[], object]:
    """`gradcheck` of causal attention, with its defaults."""
    import torch

    torch.set_num_threads(1)
    is_hidden = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)

    def heads(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (x @ w).view(B, T, H, D // H).transpose(1, 2)  # (B, H, T, K)

    def attention(x, wqkv, wo):  # type: ignore[no-untyped-def]
        q, k, v = (heads(x, w) for w in wqkv.split(D, dim=1))
        scores = q @ k.transpose(-1, -2) / math.sqrt(D // H)
        weights = scores.masked_fill(is_hidden, -math.inf).softmax(-1)  # (B, H, T, T)
        return (weights @ v).transpose(1, 2).reshape(B, T, D) @ wo

    inputs = [torch.from_numpy(array).requires_grad_() for array in _attention_inputs()]
    return lambda: torch.autograd.gradcheck(attention, inputs)


def _attention_inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = (B, T, D), (D, 3 * D), (D, D)
    return [rng.standard_normal(shape) for shape in shapes]


def attention_by_capstone() -> Callable[[], object]:
    """`check` of causal attention, with its defaults: every entry, all rules."""
    from capstone.gradcheck import check

    op, inputs = _attention_op(), _attention_inputs()
    return lambda: check(op, *inputs).raise_if_wrong()


def entries_by_capstone() -> Callable[[], object]:
    """The same without the rules: one pass, the method, every entry, the verdicts on them."""
    from capstone.gradcheck.report import Report
    from capstone.gradcheck.subjects.functions import FunctionSubject
    from capstone.gradcheck.verdict.base import run_base
    from capstone.gradcheck.verdict.verify import Verifier

    op, inputs, chosen = _attention_op(), _attention_inputs(), [0, 1, 2]
    attention_by_capstone()()  # which has the C library keep its memory

    def compare_entries() -> None:
        rng = np.random.default_rng(0)
        subject = FunctionSubject(op, inputs)
        report = Report(subject.name, "auto", "per_entry", 0, "")
        base = run_base(subject, chosen, None, rng, report)
        assert base is not None
        Verifier(subject, base, chosen, report, rng).compare()
        report.raise_if_wrong()
        assert sum(argument.compared for argument in report.arguments) == 696

    return compare_entries


def _attention_op():  # type: ignore[no-untyped-def]
    from capstone.gradcheck import Op
    from capstone.ops import attention_bwd, attention_fwd

    return Op(attention_fwd, attention_bwd, options={"n_heads": H, "positions": "none"})


def tiny_by_steps() -> Callable[[], object]:
    """Ten training steps of the preset `tiny`."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from training import make_numpy_step

    from capstone.model import TrainableTransformer
    from capstone.presets import BATCH_SIZES, preset

    config = preset("tiny", vocab_size=65)
    model = TrainableTransformer(config, dtype=np.float32)
    rng = np.random.default_rng(0)
    tokens, targets = rng.integers(0, 65, (2, BATCH_SIZES["tiny"], config.seq_len))
    step = make_numpy_step(model, tokens, targets)
    return lambda: [step() for _ in range(10)]


def tiny_by_check() -> Callable[[], object]:
    """`check` of the whole model, along projections."""
    from capstone.gradcheck import check
    from capstone.model import TrainableTransformer
    from capstone.presets import preset

    model = TrainableTransformer(preset("tiny", vocab_size=65), dtype=np.float64)
    tokens = np.random.default_rng(0).integers(0, 65, (2, 16))
    return lambda: check(model, tokens, depth="projection").raise_if_wrong()


SIDES = {
    side.__name__: side
    for side in (
        attention_by_torch,
        entries_by_capstone,
        attention_by_capstone,
        tiny_by_steps,
        tiny_by_check,
    )
}
PAIRS = [
    ("attention_by_torch", "entries_by_capstone"),
    ("attention_by_torch", "attention_by_capstone"),
    ("tiny_by_steps", "tiny_by_check"),
]


def milliseconds(side: str) -> float:
    """The fastest of a few calls, in a process of its own."""
    command = [sys.executable, __file__, "--side", side]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def time_side(side: str) -> float:
    """The fastest of a few calls, in this process."""
    call, times = SIDES[side](), []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main() -> None:
    """Print a line a pair, or the time of one side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="(default: 7)")
    parser.add_argument("--side", choices=SIDES, help="time one side in this process")
    options = parser.parse_args()
    if options.side:
        print(time_side(options.side))
        return
    print(f"{'peer':22}{'ms':>9}  {'check':24}{'ms':>9}  {'ratio':>6}  range")
    for peer, ours in PAIRS:
        rounds = [(milliseconds(peer), milliseconds(ours)) for _ in range(options.rounds)]
        ratios = sorted(theirs / mine for theirs, mine in rounds)
        theirs, mine = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(
            f"{peer:22}{theirs:9.1f}  {ours:24}{mine:9.1f}  {statistics.median(ratios):6.1f}  "
            f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
        )


if __name__ == "__main__":
    main()
