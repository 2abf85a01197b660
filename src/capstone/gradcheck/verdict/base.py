"""The base pass: one forward and one backward at the point itself, with everything read-only."""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError
from capstone.gradcheck.numeric.probes import signed
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.arrays import as_array
from capstone.gradcheck.subjects.subject import ContractBrokenError, Subject
from capstone.gradcheck.usage import in_one_line, refuse


class Base(NamedTuple):
    """What the passes gave at the point itself."""

    values: list[Array]
    """One read-only array an argument."""
    dy: Array
    """Read-only upstream gradient."""
    gradients: list[Array]
    """One per differentiable argument."""
    may_write: bool
    """The subject writes to its inputs, so that it must be given copies."""


def run_base(
    subject: Subject,
    chosen: Sequence[int],
    upstream: Any,
    rng: np.random.Generator,
    report: Report,
) -> Base | None:
    """Run the subject once; None, and a finding, if there is nothing to compare.

    The `chosen` arguments and the output must be finite; others, such as a mask, need not be.

    Raises:
        UsageError: a forward pass that fails or returns no floating-point array; an upstream
            gradient that does not fit it.
    """
    return _BasePass(subject, chosen, report).run(upstream, rng)


class _BasePass:
    """One run, with the findings on its way."""

    def __init__(self, subject: Subject, chosen: Sequence[int], report: Report) -> None:
        self.subject, self.chosen, self.report = subject, chosen, report
        self.values = [argument.value for argument in subject.arguments]
        self.may_write = False

    def run(self, upstream: Any, rng: np.random.Generator) -> Base | None:
        """Forward, upstream gradient, backward."""
        try:
            y, saved = self._forward()
            if not self._is_finite(y):
                return None
            dy = _upstream(upstream, y, rng)
            gradients = self._backward(dy, saved)
        except ContractBrokenError as error:
            self._found("contract", str(error))
            return None
        return None if gradients is None else Base(self.values, dy, gradients, self.may_write)

    def _forward(self) -> tuple[Array, Any]:
        """Run with read-only inputs; if that fails for this very reason, go on with copies."""
        self.report.forwards += 1
        if not self.may_write:
            try:
                return self._output(self.values)
            except ContractBrokenError:
                raise
            except Exception as error:  # whatever a subject raises is put in words
                if not _is_write(error):
                    _forward_failed(self.subject, error)
            self._found("frozen", "the forward pass writes to its inputs")
            self.may_write = True
        try:
            return self._output([value.copy() for value in self.values])
        except ContractBrokenError:
            raise
        except Exception as error:  # as above
            _forward_failed(self.subject, error)

    def _output(self, values: list[Array]) -> tuple[Array, Any]:
        y, saved = self.subject.forward(values)
        array = None if np.ma.is_masked(y) else as_array(y)
        if isinstance(y, list | tuple) or array is None or array.dtype.kind != "f":
            kind = "masked entries" if np.ma.is_masked(y) else type(y).__name__
            got = kind if array is None or array.dtype == object else f"{kind} of {array.dtype}"
            rule = f"forward of {self.subject.name} must return one floating-point array"
            refuse(rule, expected="an array", got=got, error=_NoOutputError)
        return array, saved

    def _backward(self, dy: Array, saved: Any) -> list[Array] | None:
        self.report.backwards += 1
        try:
            return [np.asarray(g) for g in self.subject.backward(dy, saved)]
        except ContractBrokenError:
            raise
        except Exception as error:  # whatever a subject raises is a finding
            if not _is_write(error):
                self._found("raises", f"the backward pass raised {in_one_line(error)}")
                return None
        self._found("frozen", "the backward pass writes to its upstream gradient or its inputs")
        self.may_write = True
        try:
            _, saved = self._forward()
            return [np.asarray(g) for g in self.subject.backward(dy.copy(), saved)]
        except ContractBrokenError:
            raise
        except Exception as error:  # as above
            self._found("raises", f"the backward pass raised {in_one_line(error)}")
            return None

    def _is_finite(self, y: Array) -> bool:
        compared = [self.subject.arguments[index] for index in self.chosen]
        named = [(argument.name, argument.value) for argument in compared]
        for name, array in [*named, ("the output", y)]:
            if not np.isfinite(array).all():
                where = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
                self._found("finite", f"{name} is NaN or infinite at {where}")
                return False
        return True

    def _found(self, rule: str, message: str) -> None:
        self.report.findings.append(Finding(rule, message))


class _NoOutputError(UsageError):
    """The forward pass returned something else than one floating-point array."""


def _forward_failed(subject: Subject, error: Exception) -> NoReturn:
    if isinstance(error, _NoOutputError):
        raise error
    rule = f"forward of {subject.name} must run on the given inputs"
    raise UsageError(f"check: {rule}: expected an output, got {in_one_line(error)}") from error


def _is_write(error: Exception) -> bool:
    """NumPy's complaint about an assignment to a read-only array."""
    return isinstance(error, ValueError) and "read-only" in str(error)


def _upstream(upstream: Any, y: Array, rng: np.random.Generator) -> Array:
    """The upstream gradient to use, read-only and of the output's shape and dtype."""
    if upstream is None:
        dy = np.asarray(signed(rng, y.shape, y.dtype))
    else:
        given = as_array(upstream)
        if given is None or given.dtype.kind not in "biuf" or not np.isfinite(given).all():
            rule = "upstream must be an array of finite real numbers"
            refuse(rule, expected="finite numbers", got=_described(upstream, given))
        if given.shape != y.shape:
            rule = "upstream must have the shape of the output"
            refuse(rule, expected=y.shape, got=given.shape)
        dy = given.astype(y.dtype)
    dy.flags.writeable = False
    return dy


def _described(thing: Any, array: Array | None) -> str:
    if array is None or array.dtype.kind not in "biufc":
        return type(thing).__name__
    return "complex numbers" if array.dtype.kind == "c" else "NaN or infinity"


def gradients_by_index(subject: Subject, gradients: Sequence[Any]) -> dict[int, Array]:
    """Gradients of the differentiable arguments, by the number of the argument."""
    indices = [i for i, argument in enumerate(subject.arguments) if argument.is_differentiable]
    pairs = zip(indices, gradients, strict=True)
    return {index: np.asarray(gradient) for index, gradient in pairs}


def promote(value: Array) -> Array:
    """Floating-point values in float64, where the differences are taken; read-only."""
    promoted = value.astype(np.float64) if value.dtype.kind == "f" else value.copy()
    promoted.flags.writeable = False
    return promoted
