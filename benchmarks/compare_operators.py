"""Verdicts on PyTorch's own operators: right ones must pass, spoiled ones must not.

    python benchmarks/compare_operators.py [-k WORD] [--jobs 2] [--seed 0] [--builtin-seeds 0]

First every operator as it is, at one sample of PyTorch's operator database. Then each with the
gradient that it returns spoiled in eight ways, beside `torch.autograd.gradcheck` in its slow and in
its fast mode with default tolerances, on the same functions and inputs. A spoiled gradient counts
as detectable if it is off by more than what the report of the right one says it would have caught.
`--builtin-seeds N` adds N checks of the package's own cases, each with another seed.
Needs torch and expecttest.
"""

import argparse
import json
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError
from capstone.gradcheck import check

Spoil = Callable[[Array, Array, int], Array]  # (gradient, upstream, entry) to a wrong gradient


def _entry(error: float) -> Spoil:
    def spoil(grad: Array, dy: Array, entry: int) -> Array:
        grad.reshape(-1)[entry] *= 1 + error
        return grad

    return spoil


def _zeroed(grad: Array, dy: Array, entry: int) -> Array:
    grad.reshape(-1)[entry] = 0
    return grad


KINDS: dict[str, Spoil] = {
    "one entry, 1e-3": _entry(1e-3),
    "one entry, 1e-6": _entry(1e-6),
    "one entry, 1e-9": _entry(1e-9),
    "one entry zero": _zeroed,
    "sign flipped": lambda grad, dy, entry: -grad,
    "factor of 2 missing": lambda grad, dy, entry: grad / 2,
    "transposed": lambda grad, dy, entry: grad.T.reshape(grad.shape),
    "term added": lambda grad, dy, entry: grad + 0.01 * dy.sum(),
}
TOOLS = ("capstone", "torch slow", "torch fast")


def spoiled(operator: Any, kind: str, argument: int, entry: int) -> Any:
    """The operator as an `autograd.Function` whose gradient has one mistake."""
    import torch

    class Spoiled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return operator.run(*tensors)

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            leaves = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
            grads = operator.grads(grad_outputs[0], leaves)
            wrong = spoil(grads[argument], grad_outputs[0], kind, entry)
            return *grads[:argument], wrong, *grads[argument + 1 :]

    return Spoiled


def spoil(grad: Any, dy: Any, kind: str, entry: int) -> Any:
    """A tensor with the mistake in it."""
    import torch

    arrays = [tensor.numpy(force=True) for tensor in (grad, dy)]
    return torch.from_numpy(np.array(KINDS[kind](arrays[0].copy(), arrays[1], entry)))


def torch_accepts(function: Any, inputs: list[Any], *, is_fast: bool) -> bool:
    """What PyTorch's check says of it, with its default tolerances."""
    import torch

    tensors = [tensor.clone().requires_grad_() for tensor in inputs]
    try:
        return bool(torch.autograd.gradcheck(function.apply, tensors, fast_mode=is_fast))
    except Exception:  # a rejection is an exception
        return False


def judge(operator: Any, seed: int) -> dict[str, Any]:
    """Verdicts on one operator: as it is, and spoiled."""
    dy = _upstream(operator, seed)
    options: dict[str, Any] = {"upstream": dy, "seed": seed, "name": operator.name}
    try:
        report = check(operator.run, *operator.inputs, **options)
    except UsageError as error:
        return {"ok": False, "rules": ["refused"], "report": str(error), "spoiled": []}
    rules = sorted({finding.rule for finding in report.findings})
    entry = {
        "ok": report.ok,
        "rules": rules,
        "report": str(report),
        "method": report.method,
        "spoiled": [],
    }
    grads = operator.vjp(dy)
    able = [i for i, grad in enumerate(grads) if np.abs(grad).max(initial=0) > 0]
    if not report.ok or not able:
        return entry
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        argument = int(rng.choice(able))
        place = int(rng.choice(np.flatnonzero(grads[argument])))
        error = np.abs(KINDS[kind](grads[argument].copy(), dy, place) - grads[argument])
        if not error.any():
            continue  # a transposed vector is no mistake
        function = spoiled(operator, kind, argument, place)
        sizes = np.abs(grads[argument])
        floor = report.arguments[argument].detection_floor * np.median(sizes[sizes > 0])
        found = [
            not check(function, *operator.inputs, **options).ok,
            not torch_accepts(function, operator.inputs, is_fast=False),
            not torch_accepts(function, operator.inputs, is_fast=True),
        ]
        entry["spoiled"].append([kind, bool(error.max() > floor), *found])
    return entry


def _upstream(operator: Any, seed: int) -> Array:
    shape = operator.forward().shape
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def run_part(options: argparse.Namespace) -> None:
    """Judge every `jobs`-th operator and print the outcomes as JSON."""
    import torch
    from operators import operators

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    outcomes = {}
    for number, (name, operator) in enumerate(operators()):
        if number % options.jobs != options.part or options.k not in name:
            continue
        outcomes[name] = operator if isinstance(operator, str) else judge(operator, options.seed)
    print(json.dumps(outcomes))


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    """The outcomes of all operators, from processes of their own."""
    words = [sys.executable, __file__, "-k", options.k, "--jobs", str(options.jobs)]
    words += ["--seed", str(options.seed)]
    processes = [
        subprocess.Popen([*words, "--part", str(part)], stdout=subprocess.PIPE, text=True)
        for part in range(options.jobs)
    ]
    outcomes: dict[str, Any] = {}
    for process in processes:
        text, _ = process.communicate()
        if process.returncode:
            sys.exit("a process failed")
        outcomes |= json.loads(text.splitlines()[-1])
    return outcomes


def print_verdicts(outcomes: dict[str, Any]) -> None:
    """How many right operators pass, and each that does not."""
    left_out = Counter(outcome for outcome in outcomes.values() if isinstance(outcome, str))
    judged = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, dict)}
    passing = sum(outcome["ok"] for outcome in judged.values())
    methods = Counter(outcome.get("method") for outcome in judged.values() if outcome["ok"])
    listed = ", ".join(f"{count} by {method}" for method, count in methods.most_common())
    print(f"{len(judged)} operators: {passing} right ({listed})")
    undecided = [name for name, outcome in judged.items() if outcome["rules"] == ["vacuous"]]
    print(f"{len(undecided)} undecided, all gradients are zero: {', '.join(undecided)}")
    rejected = {n: o for n, o in judged.items() if not o["ok"] and n not in undecided}
    print(f"{len(rejected)} rejected")
    for outcome in rejected.values():
        print(outcome["report"], end="\n\n")
    for reason, count in left_out.most_common():
        print(f"{count:4} left out: {reason}")


def print_detection(outcomes: dict[str, Any]) -> None:
    """Found of planted, by kind and tool; in brackets of those above the reported floor."""
    rows = [row for o in outcomes.values() if isinstance(o, dict) for row in o["spoiled"]]
    print(f"\n{'spoiled':22}{'planted':>9}" + "".join(f"{tool:>13}" for tool in TOOLS))
    for kind in [*KINDS, "all"]:
        chosen = [row for row in rows if kind in (row[0], "all")]
        cells = [f"{sum(row[2 + i] for row in chosen)}" for i in range(len(TOOLS))]
        print(f"{kind:22}{len(chosen):9}" + "".join(f"{cell:>13}" for cell in cells))
    above = [row for row in rows if row[1]]
    found = sum(row[2] for row in above)
    print(f"above the reported floor: {found} of {len(above)} found by capstone")


def print_builtin(count: int) -> None:
    """Checks of the package's own cases, each time with another seed."""
    from capstone.cases import CASES
    from capstone.cli.gradcheck import check_case

    wrong = []
    for number in range(count):
        case = CASES[number % len(CASES)]
        report = check_case(case, seed=case.seed + 1000 * (1 + number // len(CASES)))
        if not report.ok:
            wrong.append(str(report))
    print(f"\nbuilt-in cases: {count} checks, {len(wrong)} false alarms", *wrong, sep="\n")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-k", default="", metavar="WORD", help="only operators named like this")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="(default: 0)")
    parser.add_argument("--builtin-seeds", type=int, default=0, metavar="N", help="(default: 0)")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part is not None:
        run_part(options)
        return
    outcomes = run_all(options)
    print_verdicts(outcomes)
    print_detection(outcomes)
    if options.builtin_seeds:
        print_builtin(options.builtin_seeds)


if __name__ == "__main__":
    main()
