"""The one entry point: point it at a backward pass and get a report."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError
from capstone.gradcheck.compare import (
    Comparison,
    compare_entries,
    compare_probes,
    find_wrong_entries,
    summarize,
)
from capstone.gradcheck.complex_step import ComplexStep, why_not_complex
from capstone.gradcheck.ladder import Ladder
from capstone.gradcheck.numeric import Evaluator, Numeric
from capstone.gradcheck.probes import nudged, one_hots, signed
from capstone.gradcheck.protocol import Protocol, check_contract, check_protocol
from capstone.gradcheck.report import ArgumentReport, Finding, Report
from capstone.gradcheck.subjects import ContractBrokenError, LayerSubject, Subject, make_subject

DEPTHS = ("auto", "per_entry", "projection")
METHODS = ("auto", "complex", "ladder")
PER_ENTRY_WORK = 2e8  # entries times numbers a forward pass touches: about two seconds
LADDER_FORWARDS = 40  # that one direction takes, in the middle of 17 to 51
GRAY = 1e4  # allowances: an error below this many may be ill-conditioning, so it is measured
GARBAGE = 1e3  # what ignored entries are overwritten with
NOISE_SAMPLES = 3
NOISE_SAFETY = 8.0


def check(
    subject: Any,
    *inputs: Any,
    backward: Callable[..., Any] | None = None,
    wrt: Collection[int | str] | None = None,
    depth: str = "auto",
    method: str = "auto",
    upstream: Any = None,
    seed: int = 0,
    name: str = "",
    replay: str = "",
) -> Report:
    """Verify a hand-written backward pass against its own forward pass, and its manners.

    Args:
        subject: an `Op`; an object with `forward`, `backward` and, if it learns, `parameters()`
            or `named_parameters()` (each with `data` and `grad`); or a function, with `backward`.
        inputs: arrays, in the order of the forward pass; integers and booleans get no gradient.
        backward: for a plain function: `backward(dy, *inputs) -> grads`.
        wrt: numbers or names of the arguments to compare; all floating-point ones if not given.
        depth: "per_entry" compares every entry with its own derivative, "projection" a few random
            directions an argument (and searches for the entries if they disagree), "auto" decides
            by size.
        method: "complex" (the complex step), "ladder" (real numbers only) or "auto": the complex
            step where the forward pass can carry it.
        upstream: gradient with respect to the output; random and signed if not given.
        seed: of everything random; the same seed gives the same report.
        name: how the report calls the subject.
        replay: the command that repeats this check; made up if not given.

    Returns:
        A report; a wrong gradient is no exception (see `Report.raise_if_wrong`).

    Raises:
        UsageError: a subject without a backward pass, inputs that are no numeric arrays, nothing
            differentiable, a forward pass that fails, unknown options.
    """
    if depth not in DEPTHS:
        raise UsageError(f"check: unknown depth: expected one of {DEPTHS}, got {depth!r}")
    if method not in METHODS:
        raise UsageError(f"check: unknown method: expected one of {METHODS}, got {method!r}")
    started = time.perf_counter()
    made = make_subject(subject, inputs, backward, name)
    chosen = _choose(made, wrt)
    report = Report(made.name, method, depth, seed, replay or _replay(seed))
    with made.restored() if isinstance(made, LayerSubject) else nullcontext():
        _Check(made, chosen, report, np.random.default_rng(seed), upstream).run()
    report.seconds = time.perf_counter() - started
    return report


class _Check:
    """One run: the base pass, then the numbers, then the protocol."""

    def __init__(
        self,
        subject: Subject,
        chosen: Sequence[int],
        report: Report,
        rng: np.random.Generator,
        upstream: Any,
    ) -> None:
        self.subject, self.chosen, self.report = subject, chosen, report
        self.rng, self.upstream = rng, upstream
        self.values: list[Array] = [argument.value for argument in subject.arguments]
        self.may_write = False
        self.method: Callable[[Evaluator], Numeric] = ComplexStep

    def run(self) -> None:
        """Fill the report."""
        base = self._base()
        if base is None:
            return
        dy, gradients = base
        protocol = Protocol(self.subject, self.values, dy, gradients, self.rng)
        self.report.findings += check_contract(protocol)
        comparable = [
            index
            for index, grad in gradients_by_index(self.subject, gradients)
            if index in self.chosen
            and grad.shape == self.values[index].shape
            and grad.dtype.kind == "f"
        ]
        ignored = self._compare(dy, gradients, comparable)
        if not self.report.findings:
            self.report.findings += check_protocol(protocol)
            for index, mask in ignored.items():
                self._check_ignored(index, mask, dy)
        self.report.forwards += protocol.forwards
        self.report.backwards += protocol.backwards

    def _base(self) -> tuple[Array, list[Array]] | None:
        """Upstream gradient and the gradients at the point itself; None if it goes no further."""
        try:
            dy, gradients = self._passes()
        except ContractBrokenError as error:
            self._found("contract", str(error))
            return None
        return None if dy is None else (dy, gradients)

    def _passes(self) -> tuple[Array | None, list[Array]]:
        try:
            y, saved = self.subject.forward(self.values)
        except ValueError as error:
            if "read-only" not in str(error):
                raise _forward_failed(self.subject, error) from error
            self._found("frozen", "the forward pass writes to its inputs")
            self._thaw()
            y, saved = self.subject.forward(self.values)
        except ContractBrokenError:
            raise
        except Exception as error:
            raise _forward_failed(self.subject, error) from error
        y = _as_output(self.subject, y)
        if not self._is_finite(y):
            return None, []
        dy = self._upstream(y)
        self.report.forwards += 1
        self.report.backwards += 1
        try:
            return dy, [np.asarray(g) for g in self.subject.backward(dy, saved)]
        except ContractBrokenError:
            raise
        except Exception as error:  # whatever a subject raises is a finding
            frozen = isinstance(error, ValueError) and "read-only" in str(error)
            if not frozen:
                self._found("raises", f"the backward pass raised {type(error).__name__}: {error}")
                return None, []
        self._found("frozen", "the backward pass writes to its upstream gradient or its inputs")
        self._thaw()
        _, saved = self.subject.forward(self.values)
        return dy, [np.asarray(g) for g in self.subject.backward(dy.copy(), saved)]

    def _thaw(self) -> None:
        """Go on with writable copies, so that the numbers are still compared."""
        self.may_write = True
        self.values = [value.copy() for value in self.values]

    def _upstream(self, y: Array) -> Array:
        if self.upstream is None:
            dy = np.asarray(signed(self.rng, y.shape, y.dtype))
        else:
            dy = np.array(self.upstream, dtype=y.dtype)
            if dy.shape != y.shape:
                raise UsageError(
                    f"check: upstream must have the shape of the output: expected {y.shape}, "
                    f"got {dy.shape}"
                )
        dy.flags.writeable = False
        return dy

    def _is_finite(self, y: Array) -> bool:
        named = [(a.name, a.value) for a in self.subject.arguments if a.is_differentiable]
        for name, array in [*named, ("the output", y)]:
            if not np.isfinite(array).all():
                where = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
                self._found("finite", f"{name} is NaN or infinite at {where}")
                return False
        return True

    def _found(self, rule: str, message: str) -> None:
        self.report.findings.append(Finding(rule, message))

    def _compare(
        self, dy: Array, gradients: list[Array], indices: Sequence[int]
    ) -> dict[int, Array]:
        """Compare the gradients; returns which entries no output depends on, by argument."""
        values = [_promoted(value) for value in self.values]
        evaluator = Evaluator(self.subject, values, _promoted(dy), copies=self.may_write)
        self._choose_method(evaluator)
        numeric = self.method(evaluator)
        self.report.depth = self._depth(evaluator)
        by_index = dict(gradients_by_index(self.subject, gradients))
        ignored = {}
        for index in indices:
            if not self.values[index].size:
                continue
            comparison = self._one(index, by_index[index], numeric, evaluator)
            self.report.arguments.append(self._verdict(comparison, index, by_index[index], numeric))
            silent = comparison.numeric.is_silent
            if self.report.depth == "per_entry" and silent.any() and not silent.all():
                ignored[index] = silent.reshape(self.values[index].shape)
        self.report.forwards += evaluator.forwards
        numbers = [(a.analytic, a.numeric) for a in self.report.arguments]
        if not any(map(any, numbers)):
            self._found("vacuous", "nothing but zeros was compared, which shows nothing")
        return ignored

    def _choose_method(self, evaluator: Evaluator) -> None:
        """Settle on the complex step, or say why not and fall back to real numbers."""
        reason = "asked for" if self.report.method == "ladder" else ""
        if not reason:
            reason = why_not_complex(evaluator, self.rng)
            if reason and self.report.method == "complex":
                raise UsageError(
                    f"check: the complex step needs an analytic forward pass: expected one, got "
                    f"{self.subject.name}: {reason}; use method='ladder'"
                )
            if reason:
                self.report.warnings.append(f"no complex step: {reason}")
        if reason:
            self.method = lambda evaluator: Ladder(evaluator, self.rng)
        self.report.method = Ladder.name if reason else ComplexStep.name

    def _depth(self, evaluator: Evaluator) -> str:
        if self.report.depth != "auto":
            return self.report.depth
        entries = sum(self.values[index].size for index in self.chosen)
        touched = sum(value.size for value in self.values) + evaluator.dy.size
        each = 1 if self.report.method == ComplexStep.name else LADDER_FORWARDS
        return "per_entry" if entries * touched * each <= PER_ENTRY_WORK else "projection"

    def _one(
        self, index: int, gradient: Array, numeric: Numeric, evaluator: Evaluator
    ) -> Comparison:
        argument = self.subject.arguments[index]
        if self.report.depth == "projection":
            return compare_probes(argument, index, gradient, numeric, self.rng)
        comparison = compare_entries(argument, index, gradient, numeric, evaluator)
        excess = comparison.error / np.maximum(comparison.allowed, np.finfo(float).tiny)
        if 1 < excess.max(initial=0) <= GRAY:
            return self._with_measured_noise(comparison, index, evaluator)
        return comparison

    def _with_measured_noise(
        self, comparison: Comparison, index: int, evaluator: Evaluator
    ) -> Comparison:
        """Move the inputs by one rounding error each: what both gradients do then is noise."""
        extra = np.zeros_like(comparison.analytic)
        for _ in range(NOISE_SAMPLES):
            values = [nudged(self.rng, value) for value in self.values]
            y, saved = self.subject.forward(values)
            dy = evaluator.dy.astype(np.asarray(y).dtype)
            by_index = dict(gradients_by_index(self.subject, self.subject.backward(dy, saved)))
            moved = Evaluator(self.subject, [_promoted(value) for value in values], evaluator.dy)
            again = compare_entries(
                comparison.argument, index, np.asarray(by_index[index]), self.method(moved), moved
            )
            extra = np.maximum(extra, np.abs(again.analytic - comparison.analytic))
            extra = np.maximum(extra, np.abs(again.numeric.value - comparison.numeric.value))
        return replace(comparison, extra=NOISE_SAFETY * extra)

    def _check_ignored(self, index: int, mask: Array, dy: Array) -> None:
        """Entries that the forward pass ignores may hold garbage: no gradient may notice.

        `mask` is True where no output depends on the entry of argument `index`. The gradients are
        compared at the garbage itself, because an entry that is multiplied by zero is ignored by
        the output and yet matters for the gradient of the zero.
        """
        value = self.values[index]
        garbage = GARBAGE * signed(self.rng, value.shape, value.dtype)
        values = list(self.values)
        values[index] = np.where(mask, garbage, value)
        y, _ = self.subject.forward(self.values)
        there, saved = self.subject.forward(values)
        if not np.array_equal(there, y):
            return  # flat at this point only: saturated or clipped
        gradients = dict(gradients_by_index(self.subject, self.subject.backward(dy, saved)))
        evaluator = Evaluator(self.subject, [_promoted(v) for v in values], _promoted(dy))
        numeric = self.method(evaluator)
        where = self.subject.arguments[index].name
        for other in self.chosen:
            argument, grad = self.subject.arguments[other], np.asarray(gradients[other])
            if compare_probes(argument, other, grad, numeric, self.rng).is_wrong.any():
                words = f"d({argument.name}): wrong when ignored entries of {where} hold garbage"
                self.report.findings.append(Finding("ignored", words, (argument.name,)))

    def _verdict(
        self, comparison: Comparison, index: int, gradient: Array, numeric: Numeric
    ) -> ArgumentReport:
        verdict = summarize(comparison, self.report.depth)
        if verdict.is_right or self.report.depth == "per_entry" or not np.isfinite(gradient).all():
            return verdict
        argument = self.subject.arguments[index]
        found, calls = find_wrong_entries(argument, index, gradient, numeric, self.rng)
        if not found:
            return verdict
        shape = argument.value.shape
        at = np.array([one_hots(flat, flat + 1, shape)[0] for flat in found[:8]])
        slopes = numeric.slopes(index, at)
        analytic = gradient.reshape(-1)[found[:8]].astype(float)
        worst = int(np.argmax(np.abs(analytic - slopes.value)))
        return replace(
            verdict,
            wrong=len(found),
            worst=tuple(int(i) for i in np.unravel_index(found[worst], shape)),
            analytic=float(analytic[worst]),
            numeric=float(slopes.value[worst]),
            error=float(abs(analytic[worst] - slopes.value[worst])),
            diagnosis=f"{len(found)} wrong entries found by bisection, in {calls} probes",
        )


def gradients_by_index(subject: Subject, gradients: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """`(number of the argument, gradient)` for the differentiable arguments."""
    indices = [i for i, argument in enumerate(subject.arguments) if argument.is_differentiable]
    return zip(indices, gradients, strict=True)


def _choose(subject: Subject, wrt: Collection[int | str] | None) -> list[int]:
    """Numbers of the arguments to compare."""
    able = [i for i, argument in enumerate(subject.arguments) if argument.is_differentiable]
    if not able:
        raise UsageError(
            "check: something must be differentiable: expected a floating-point input or "
            "parameter, got none"
        )
    if wrt is None:
        return able
    names = [argument.name for argument in subject.arguments]
    chosen = [names.index(w) if isinstance(w, str) and w in names else w for w in wrt]
    wrong = [w for w in chosen if w not in able]
    if wrong or not chosen:
        options = ", ".join(f"{i} ({names[i]})" for i in able)
        raise UsageError(
            f"check: wrt must name differentiable arguments: expected some of {options}, "
            f"got {wrong or 'none'}"
        )
    return [int(w) for w in chosen]


def _as_output(subject: Subject, y: Any) -> Array:
    array = np.asarray(y)
    if isinstance(y, list | tuple) or array.dtype.kind != "f":
        got = type(y).__name__ if array.dtype == object else f"{type(y).__name__} of {array.dtype}"
        raise UsageError(
            f"check: forward of {subject.name} must return one floating-point array: expected an "
            f"array, got {got}"
        )
    return array


def _forward_failed(subject: Subject, error: Exception) -> UsageError:
    return UsageError(
        f"check: forward of {subject.name} must run on the given inputs: expected an output, got "
        f"{type(error).__name__}: {error}"
    )


def _promoted(value: Array) -> Array:
    """Floating-point values in float64, where the differences are taken; read-only."""
    promoted = value.astype(np.float64) if value.dtype.kind == "f" else value.copy()
    promoted.flags.writeable = False
    return promoted


def _replay(seed: int) -> str:
    test, _, _ = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")
    return f'pytest "{test}"' if test else f"check(..., seed={seed})"
