"""Layer objects as subjects: methods for the passes, parameters with gradients to add to."""

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import arrays_in, has, of_odd_types
from capstone.gradcheck.subjects.find_library import library_of
from capstone.gradcheck.subjects.names import Names, Slot, method, slots_of
from capstone.gradcheck.subjects.signatures import argument_names
from capstone.gradcheck.subjects.subject import ContractBrokenError, frozen, one_each
from capstone.gradcheck.usage import refuse


class LayerSubject:
    """An object with a forward and a backward pass, which remembers one forward pass.

    Args:
        layer: a copy of it is checked, if it can be copied.
        inputs: of the forward pass.
        names: what its parts are called.
    """

    is_reentrant = False

    def __init__(self, layer: Any, inputs: Sequence[Any], names: Names | None = None) -> None:
        self.layer = layer = own_copy(layer)
        self.options = getattr(layer, "__dict__", {})
        self.name = type(layer).__name__
        self.names = names = names or Names()
        method(layer, names.backward)
        self.slots = slots_of(layer, names)
        if {s.owner for s in self.slots} != {s.owner for s in slots_of(layer, names)}:
            rule = f"{self.name} must list the same parameters each time"
            refuse(rule, expected="its own objects", got="new ones made at every call")
        self.n_inputs = len(inputs)
        given = argument_names(method(layer, names.forward), len(inputs))
        labels = [*given, *(slot.name for slot in self.slots)]
        things = [*inputs, *(slot.data.read() for slot in self.slots)]
        self.library = library = library_of(things)
        self.spots = [library.spot(thing) for thing in things]
        self.arguments = tuple(
            frozen(label, library.host(thing), coarse_eps=library.coarse_eps(thing))
            for label, thing in zip(labels, things, strict=True)
        )
        self.warnings = _forgotten(layer, self.slots, names) + of_odd_types(labels, things)

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """Put the values of the parameters in place and run the layer.

        What the layer saved are the arrays that it holds then.
        """

        def run(placed: list[Any]) -> Any:
            for slot, value in zip(self.slots, placed[self.n_inputs :], strict=True):
                slot.data.write(value)
            return getattr(self.layer, self.names.forward)(*placed[: self.n_inputs])

        y = self.library.call(run, values, self.spots)
        self.spot = self.library.spot(y)
        return self.library.host(y), arrays_in(getattr(self.layer, "__dict__", None))

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """Run the layer's backward pass and collect what it returned and what it added."""
        learned, spots = self._learned()
        if self.names.accumulates:
            starts = prefill or [np.zeros_like(self.library.host(s.data.read())) for s in learned]
            self.library.call(lambda placed: _fill(learned, placed), _copies(starts), spots)
        run = getattr(self.layer, self.names.backward)
        returned = self.library.call(lambda placed: run(*placed), [dy], [self.spot])
        of_inputs = one_each(returned, self.arguments[: self.n_inputs])
        return [self.library.host(grad) for grad in (*of_inputs, *map(_gradient, learned))]

    def accumulates(self) -> Sequence[bool]:
        """Gradients of parameters are added to; those of inputs are returned."""
        inputs = self.arguments[: self.n_inputs]
        of_inputs = [False for argument in inputs if argument.is_differentiable]
        return [*of_inputs, *(self.names.accumulates for _ in self._learned()[0])]

    def _learned(self) -> tuple[list[Slot], list[Any]]:
        """Parameters of floating-point numbers and their spots: integers have no gradient."""
        n = self.n_inputs
        trios = zip(self.slots, self.spots[n:], self.arguments[n:], strict=True)
        chosen = [(slot, spot) for slot, spot, argument in trios if argument.is_differentiable]
        return [slot for slot, _ in chosen], [spot for _, spot in chosen]

    def twin(self) -> "LayerSubject":
        """A deep copy of the layer, as another instance."""
        twin = copy.copy(self)
        twin.layer = _deep_copy(self.layer)
        twin.slots = slots_of(twin.layer, self.names)
        return twin

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Give the layer its own arrays back at the end, whatever happened."""
        places = [place for slot in self.slots for place in (slot.data, slot.grad)]
        own = []
        for place in places:
            try:
                own.append((place, place.read()))
            except (AttributeError, KeyError, IndexError):  # a gradient that does not exist yet
                continue
        try:
            yield
        finally:
            for place, held in own:
                place.write(held)


def parameters_of(layer: Any, names: Names | None = None) -> dict[str, Array]:
    """Copies of the parameters of a layer by name; one that shares its name gets a number.

    Raises:
        UsageError: parameters that are missing, or of none of the shapes of `Names`.
    """
    values = {name: slot.data.read() for name, slot in _named_slots(layer, names)}
    library = library_of(values.values())
    return {name: np.array(library.host(value)) for name, value in values.items()}


def put_parameters(layer: Any, arrays: Mapping[str, Array], names: Names | None = None) -> None:
    """Give the parameters of a layer other values, by name.

    Raises:
        UsageError: the layer has other parameters.
    """
    slots = dict(_named_slots(layer, names))
    shapes = {name: np.shape(slot.data.read()) for name, slot in slots.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        rule = f"{type(layer).__name__} must have the parameters that are put into it"
        expected = {name: array.shape for name, array in arrays.items()}
        refuse(rule, expected=expected, got=shapes, function="put_parameters")
    for name, slot in slots.items():
        own = slot.data.read()
        library = library_of([own])
        (placed,) = library.call(lambda values: values, [arrays[name].copy()], [library.spot(own)])
        slot.data.write(placed)


def _named_slots(layer: Any, names: Names | None) -> list[tuple[str, Slot]]:
    slots = slots_of(layer, names or Names())
    counts = Counter(slot.name for slot in slots)
    return [
        (slot.name if counts[slot.name] == 1 else f"{slot.name}#{number}", slot)
        for number, slot in enumerate(slots)
    ]


def own_copy(layer: Any) -> Any:
    """A deep copy, so that running statistics and caches of the caller's layer stay as they are.

    A layer that cannot be copied is checked itself.
    """
    try:
        return _deep_copy(layer)
    except Exception:  # locks, open files, generators
        return layer


def _deep_copy(layer: Any) -> Any:
    """Another object of the same type.

    Raises:
        TypeError: the layer's own way of copying makes something else.
    """
    copied = copy.deepcopy(layer)
    if type(copied) is not type(layer):
        raise TypeError(f"its copy is of type {type(copied).__name__}")
    return copied


def _copies(arrays: Sequence[Array]) -> list[Array]:
    """Writable ones."""
    return [array.copy() for array in arrays]


def _fill(slots: Sequence[Slot], starts: Sequence[Any]) -> None:
    for slot, start in zip(slots, starts, strict=True):
        slot.grad.write(start)


def _gradient(slot: Slot) -> Any:
    """What the backward pass left for a parameter.

    Raises:
        ContractBrokenError: nothing.
    """
    try:
        return slot.grad.read()
    except (AttributeError, KeyError, IndexError, TypeError):
        raise ContractBrokenError(f"backward leaves no gradient for {slot.name}") from None


def _forgotten(layer: Any, slots: Sequence[Slot], names: Names) -> tuple[str, ...]:
    """A warning, if a layer lists no parameters and yet holds what looks like some."""
    held = getattr(layer, "__dict__", {})
    found = [name for name, value in held.items() if _is_float(value, names)]
    if slots or not found:
        return ()
    few = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
    return (f"holds float arrays {few} that are no parameters: not checked",)


def _is_float(value: Any, names: Names) -> bool:
    """Arrays of floating-point numbers, or a parameter that holds one."""
    is_parameter = has(value, names.grad) and has(value, names.data)
    held = getattr(value, names.data) if is_parameter else value
    return any(array.dtype.kind == "f" and array.size for array in arrays_in(held))
