"""Which layers a layer is made of, and what each of them is given while the whole one runs."""

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from capstone.gradcheck.localize.taps import numbered
from capstone.gradcheck.subjects.names import Names


@dataclass(frozen=True)
class Part:
    """A layer inside another one."""

    path: str
    layer: Any
    inside: frozenset[int]
    """The ids of all layers within it."""


def parts_of(layer: Any, names: Names) -> list[Part]:
    """All layers within a layer: attributes, entries of lists and dictionaries, at any depth.

    One that stands in several places counts once, under the first of its paths.
    """
    found: dict[int, Part] = {}
    _gather(layer, "", names, found, frozenset([id(layer)]))
    return list(found.values())


def _gather(
    layer: Any, prefix: str, names: Names, found: dict[int, Part], above: frozenset[int]
) -> frozenset[int]:
    """Add the layers within `layer` and return their ids."""
    inside: set[int] = set()
    for path, part in _entries(getattr(layer, "__dict__", {}), prefix, above):
        if not _is_layer(part, names) or id(part) in above:
            continue
        inside.add(id(part))
        if id(part) not in found:
            found[id(part)] = Part(path, part, frozenset())  # holds the place in the order
            within = _gather(part, f"{path}.", names, found, above | {id(part)})
            found[id(part)] = Part(path, part, within)
        inside |= found[id(part)].inside
    return frozenset(inside)


def _entries(held: Any, prefix: str, above: frozenset[int]) -> Iterator[tuple[str, Any]]:
    """`(path, thing)` of what containers hold, at any depth of containers."""
    items = held.items() if isinstance(held, dict) else enumerate(held)
    for key, thing in items:
        path = f"{prefix}{key}"
        if isinstance(thing, dict | list | tuple) and id(thing) not in above:
            yield from _entries(thing, f"{path}.", above | {id(thing)})
        else:
            yield path, thing


def _is_layer(thing: Any, names: Names) -> bool:
    passes = (getattr(type(thing), name, None) for name in (names.forward, names.backward))
    return not isinstance(thing, type) and all(map(callable, passes))


@dataclass
class Call:
    """One forward pass of a part, and the backward pass that belongs to it."""

    name: str
    part: Part
    inputs: Sequence[Any]
    options: dict[str, Any]
    upstream: Any = None
    error: str = ""


@dataclass
class Record:
    """What the parts were given, call by call."""

    backwards: list[Call] = field(default_factory=list)
    """In the order in which their backward passes ended: parts before what is made of them."""
    open: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    """By path: forward passes whose backward pass has not come."""
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By path: forward passes."""
    is_backward: bool = False
    """Whether the backward pass of the whole has begun."""

    def forward(self, part: Part, inputs: Sequence[Any], options: dict[str, Any]) -> None:
        """A forward pass begins; within the backward pass it brings back an open one."""
        if self.is_backward and self.open[part.path]:
            return
        self.counts[part.path] += 1
        name = numbered(part.path, self.counts[part.path])
        self.open[part.path].append(Call(name, part, copy.deepcopy(inputs), copy.deepcopy(options)))

    def backward(self, part: Part, upstream: Any) -> Call | None:
        """A backward pass begins; it belongs to the last forward pass that is still open."""
        if not self.open[part.path]:
            return None
        call = self.open[part.path].pop()
        call.upstream = copy.deepcopy(upstream)
        return call


@contextmanager
def watched(parts: Sequence[Part], names: Names) -> Iterator[Record]:
    """Record what the parts are given as long as this lasts."""
    record = Record()
    kinds = [type(part.layer) for part in parts]
    changed: list[tuple[Part, type]] = []
    try:
        for part, kind in zip(parts, kinds, strict=True):
            _turn_into(part.layer, _watching(part, kind, names, record))
            changed.append((part, kind))
        yield record
    finally:
        for part, kind in changed:
            _turn_into(part.layer, kind)


def _turn_into(layer: Any, kind: type) -> None:
    """Change the class of an object, of a frozen one too."""
    object.__setattr__(layer, "__class__", kind)


def _watching(part: Part, kind: type, names: Names, record: Record) -> type:
    """The same class with passes that go on record."""
    own_forward, own_backward = getattr(kind, names.forward), getattr(kind, names.backward)

    def forward(self: Any, *inputs: Any, **options: Any) -> Any:
        record.forward(part, inputs, options)
        return own_forward(self, *inputs, **options)

    def backward(self: Any, *upstream: Any, **options: Any) -> Any:
        call = record.backward(part, next(iter((*upstream, *options.values())), None))
        try:
            result = own_backward(self, *upstream, **options)
        except Exception as error:
            if call is not None:
                call.error = f"{type(error).__name__}: {error}"
                record.backwards.append(call)
            raise
        if call is not None:
            record.backwards.append(call)
        return result

    passes = {names.forward: forward, names.backward: backward, "__slots__": ()}
    return type(kind.__name__, (kind,), passes)
