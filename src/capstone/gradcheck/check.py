"""The one entry point: point it at a backward pass and get a report."""

import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from capstone.gradcheck.budget import Budget, BudgetSpentError
from capstone.gradcheck.inputs.lint import add_hints
from capstone.gradcheck.localize.locate import locate as find_place
from capstone.gradcheck.localize.taps import tapped_by
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.protocol.causality import check_axis, check_causality
from capstone.gradcheck.protocol.elsewhere import check_elsewhere, check_ignored
from capstone.gradcheck.protocol.passes import Protocol, check_contract
from capstone.gradcheck.protocol.rules import check_protocol, judged
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.make_subject import Means, make_subject
from capstone.gradcheck.subjects.names import Names
from capstone.gradcheck.subjects.subject import Subject
from capstone.gradcheck.usage import check_option, refuse
from capstone.gradcheck.verdict.base import run_base
from capstone.gradcheck.verdict.plain import Plain, Wide
from capstone.gradcheck.verdict.verify import Verifier

DEPTHS = ("auto", "per_entry", "projection")
METHODS = ("auto", "complex", "ladder")
LARGE = 31 << 20  # bytes; the library learns from arrays below 32 MiB


def check(
    subject: Any,
    *inputs: Any,
    backward: Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | bool | None = None,
    names: Names | None = None,
    order: int = 1,
    wrt: int | str | Collection[int | str] | None = None,
    depth: str = "auto",
    method: str = "auto",
    upstream: Any = None,
    budget: float | None = None,
    causal: int | None = None,
    plain: Any = None,
    seed: int = 0,
    name: str = "",
    replay: str = "",
    locate: bool = True,
) -> Report:
    """Verify a hand-written backward pass against its own forward pass, and its manners.

    Args:
        subject: an `Op`; an object with `forward`, `backward` and, if it learns, `parameters()`
            or `named_parameters()` (each with `data` and `grad`); a function, with `backward` or
            `gradient`; a function that returns `(y, backprop)`; a `torch.autograd.Function`, an
            `nn.Module` or a function of tensors; a function that JAX can differentiate.
        inputs: arrays, in the order of the forward pass; integers and booleans get no gradient.
        backward: for a plain function: `backward(dy, *inputs) -> grads`.
        gradient: for a function that returns one number: `gradient(x, *args)`, as for
            `scipy.optimize`; True if the function returns the pair (number, gradient).
        names: what an object calls its passes and parameters, if not as above.
        order: 2 checks the backward pass of the backward pass: `Op.backward_of_backward`, or
            what PyTorch or JAX make of it.
        wrt: numbers or names of the arguments to compare; all floating-point ones if not given.
        depth: "per_entry" compares every entry with its own derivative, "projection" a few random
            directions an argument (and searches for the entries if they disagree), "auto" decides
            by size.
        method: "complex" (the complex step), "ladder" (real numbers only) or "auto": the complex
            step where the forward pass can carry it.
        upstream: gradient with respect to the output; random and signed if not given.
        budget: what the check may cost: seconds (a float) or forward passes (an int). It decides
            the depth, unless that is given, and rules that it does not reach are left out with a
            warning; a gradient that it does not reach makes the check fail. To choose the method,
            and to project one gradient, it takes what it takes.
        causal: the axis of time, counted from the end (-2 in (B, T, D)), of a subject whose outputs
            depend on nothing later: neither they nor their gradients may.
        plain: for float32 and below, a plain implementation of the same, whatever a subject may be:
            the subject may err twice as much as it does in the same precision. It is checked
            first, in float64, where its forward pass gives the truth.
        seed: of everything random; the same seed gives the same report.
        name: how the report calls the subject.
        replay: the command that repeats this check; made up if not given.
        locate: when something is wrong, say where: between which taps, in which layer.

    Returns:
        A report; a wrong gradient is no exception (see `Report.raise_if_wrong`).

    Raises:
        UsageError: a subject without a backward pass, inputs that are no numeric arrays, nothing
            differentiable, a forward pass that fails, unknown options.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        refuse("seed must be a non-negative integer", expected="seed >= 0", got=repr(seed))
    means = Means(backward, gradient, names, order)
    made = make_subject(subject, inputs, means, name=name, seed=int(seed))
    beside = make_plain(plain, inputs, made, int(seed))
    options = Options(
        wrt, depth, method, upstream, budget, causal, beside, int(seed), replay, locate
    )
    report = check_subject(made, options)
    if options.locate and not report.ok:
        _locate(made, report, options)
    return report


def make_plain(thing: Any, inputs: Sequence[Any], subject: Subject, seed: int) -> Plain | None:
    """The plain implementation beside a subject, if there is one.

    Raises:
        UsageError: its own gradient is wrong.
    """
    if thing is None:
        return None
    made = make_subject(thing, inputs, Means(), seed=seed)
    plain = Plain(made, subject)
    report = check_subject(Wide(made), Options(seed=seed))
    if not report.ok:
        got = str(report).partition("\n")[0]
        refuse("plain must be right in float64", expected="a check that passes", got=got)
    return plain


def _locate(subject: Subject, report: Report, options: "Options") -> None:
    """Say where it goes wrong, for what the check has left of the budget."""
    budget = Budget(options.budget)
    budget.started -= report.seconds

    def judge(part: Subject, upstream: Any, depth: str) -> Report:
        if budget.is_spent(report.forwards):
            raise BudgetSpentError
        left = None if budget.limit is None else budget.left(report.forwards)
        how = replace(
            options, wrt=None, upstream=upstream, depth=depth, budget=left, causal=None, plain=None
        )
        judged = check_subject(part, how)
        report.forwards += judged.forwards
        report.backwards += judged.backwards
        return judged

    if budget.is_spent(report.forwards):
        report.warnings.append("the budget was spent before the place of the fault was looked for")
    else:
        report.located += find_place(subject, report, options.upstream, judge)


@dataclass(frozen=True)
class Options:
    """How to check a subject: the options of `check` that do not say what it is."""

    wrt: int | str | Collection[int | str] | None = None
    depth: str = "auto"
    method: str = "auto"
    upstream: Any = None
    budget: float | None = None
    causal: int | None = None
    plain: Plain | None = None
    seed: int = 0
    replay: str = ""
    locate: bool = True


def check_subject(subject: Subject, options: Options) -> Report:
    """`check` of what is a subject already.

    Raises:
        UsageError: unknown options, or a forward pass that fails.
    """
    check_option("depth", options.depth, DEPTHS)
    check_option("method", options.method, METHODS)
    if options.causal is not None:
        check_axis(options.causal)
    budget = Budget(options.budget)
    chosen = _choose(subject, options.wrt)
    replay = options.replay or _replay(options.seed)
    report = Report(subject.name, options.method, options.depth, options.seed, replay)
    report.warnings += subject.warnings
    _keep_freed_memory()
    # An overflow or a NaN is judged by the rules below, at the point itself; elsewhere it only
    # ends a search, so that NumPy need not warn of it.
    beside = options.plain.subject.restored() if options.plain else nullcontext()
    with subject.restored(), beside, tapped_by(None), np.errstate(all="ignore"):
        _run(subject, chosen, report, options, budget)
        add_hints(report, subject, options.upstream)
    report.seconds = time.perf_counter() - budget.started
    return report


def _run(
    subject: Subject, chosen: list[int], report: Report, options: Options, budget: Budget
) -> None:
    """Fill the report: the base pass, the numbers, then the protocol if all is well so far."""
    rng = np.random.default_rng(options.seed)
    base = run_base(subject, chosen, options.upstream, rng, report)
    if base is None:
        return
    protocol = Protocol(subject, base.values, base.dy, base.gradients, rng)
    report.findings += check_contract(protocol)
    verifier = Verifier(subject, base, chosen, report, rng, budget, plain=options.plain)
    shows_something = verifier.compare()
    if not shows_something and not any(f.rule == "budget" for f in report.findings):
        words = "nothing but zeros (to rounding) was compared, which shows nothing"
        report.findings.append(Finding("vacuous", words))
    _check_rules(protocol, verifier, options.causal)
    report.warnings += protocol.skipped
    report.forwards += protocol.forwards
    report.backwards += protocol.backwards


def _check_rules(protocol: Protocol, verifier: Verifier, causal: int | None) -> None:
    """The rules of the protocol, as far as the budget reaches; the cheap ones first."""
    report, left_out = verifier.report, []

    def is_affordable(rule: str) -> bool:
        is_spent = verifier.budget.is_spent(report.forwards + protocol.forwards)
        left_out.extend([rule] if is_spent else [])
        return not is_spent

    if not {finding.rule for finding in report.findings} - {"vacuous"}:
        report.findings += check_protocol(protocol, is_affordable)
    if report.ok and causal is not None:
        report.findings += judged("causality", check_causality(protocol, causal))
    pointwise: dict[str, Callable[[], list[Finding]]] = {
        "elsewhere": lambda: check_elsewhere(verifier, protocol),
        "ignored": lambda: check_ignored(verifier),
    }
    for rule, run in pointwise.items():
        if report.ok and is_affordable(rule):
            verifier.budget.taken = report.forwards + protocol.forwards
            try:
                report.findings += run()
            except BudgetSpentError:
                left_out.append(rule)
    if left_out:
        report.warnings.append(f"the budget was spent before these rules: {', '.join(left_out)}")


def _keep_freed_memory() -> None:
    """Have the C library reuse the memory that chunks of perturbations leave behind.

    The GNU C library hands freed memory back to the system, to get it again page by page, unless a
    larger array has been freed before: it learns from that. This one is never touched. A check of
    a few hundred entries takes a third less time.
    """
    np.empty(LARGE, np.uint8)


def _choose(subject: Subject, wrt: int | str | Collection[int | str] | None) -> list[int]:
    """Numbers of the arguments to compare."""
    able = [i for i, argument in enumerate(subject.arguments) if argument.is_differentiable]
    if not able:
        rule = "something must be differentiable"
        refuse(rule, expected="a floating-point input or parameter", got="none")
    if wrt is None:
        return able
    names = [argument.name for argument in subject.arguments]
    asked = [wrt] if isinstance(wrt, str) or not hasattr(wrt, "__iter__") else list(wrt)
    chosen = [names.index(w) if isinstance(w, str) and w in names else w for w in asked]
    wrong = [
        w
        for w in chosen
        if isinstance(w, bool) or not isinstance(w, int | np.integer) or w not in able
    ]
    if wrong or not chosen:
        options = ", ".join(f"{i} ({names[i]})" for i in able)
        rule = "wrt must name differentiable arguments"
        refuse(rule, expected=f"some of {options}", got=wrong or "none")
    return sorted({int(w) for w in chosen})


def _replay(seed: int) -> str:
    test, _, _ = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")  # then its phase
    return f'pytest "{test}"' if test else f"check(..., seed={seed})"
