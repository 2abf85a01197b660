"""Where a backward pass is audited: what `check` would be given, and ways to vary it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NamedTuple

from capstone._typing import Array
from capstone.gradcheck.check import Options, make_plain
from capstone.gradcheck.subjects.make_subject import Means, make_subject
from capstone.gradcheck.subjects.subject import Argument, Subject


class Point(NamedTuple):
    """A subject with inputs, and how to check it there.

    Args:
        subject: whatever `check` takes.
        inputs: as for `check`.
        options: those of `check`.
    """

    subject: Any
    inputs: Sequence[Any]
    options: Mapping[str, Any]

    @property
    def means(self) -> Means:
        """How the caller says what the backward pass is."""
        return Means(**{k: v for k, v in self.options.items() if k in Means.__annotations__})

    @property
    def how(self) -> Options:
        """The options that do not say what the subject is."""
        others = {*Means.__annotations__, "name", "plain"}
        options = Options(**{k: v for k, v in self.options.items() if k not in others})
        beside = self.options.get("plain")
        if beside is None:
            return options
        return replace(options, plain=make_plain(beside, self.inputs, self.make(), options.seed))

    def make(self) -> Subject:
        """What the checks work on.

        Raises:
            UsageError: as `check` does.
        """
        name, seed = self.options.get("name", ""), self.options.get("seed", 0)
        return make_subject(self.subject, self.inputs, self.means, name=name, seed=seed)

    def changed(self, **options: Any) -> "Point":
        """The same with other options."""
        return self._replace(options={**self.options, **options})


class Wrapped:
    """Another subject, unless a method is overridden."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.name, self.arguments = subject.name, subject.arguments
        self.is_reentrant, self.warnings = subject.is_reentrant, subject.warnings

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """As of the wrapped one."""
        return self.subject.forward(values)

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """As of the wrapped one."""
        return self.subject.backward(dy, saved, prefill)

    def accumulates(self) -> Sequence[bool]:
        """As of the wrapped one."""
        return self.subject.accumulates()

    def twin(self) -> Any:
        """Another instance, wrapped in the same way."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, subject=self.subject.twin())
        return other

    def restored(self) -> AbstractContextManager[None]:
        """As of the wrapped one."""
        return self.subject.restored()


class Moved(Wrapped):
    """A subject at other values of its arguments."""

    def __init__(self, subject: Subject, values: Sequence[Array]) -> None:
        super().__init__(subject)
        pairs = zip(subject.arguments, values, strict=True)
        self.arguments = tuple(replace(argument, value=_frozen(value)) for argument, value in pairs)


def differentiable(subject: Subject) -> list[Argument]:
    """The arguments that have a gradient."""
    return [argument for argument in subject.arguments if argument.is_differentiable]


def _frozen(value: Array) -> Array:
    value = value.copy()
    value.flags.writeable = False
    return value
