"""What the parts of a layer are called, for layers that call them something else."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from capstone.gradcheck.subjects.arrays import has
from capstone.gradcheck.usage import in_one_line, refuse


@dataclass(frozen=True)
class Names:
    """How a layer object calls its passes and its parameters.

    Parameters come in one of these shapes:

    * objects with their data and gradient as attributes: `parameters` names a method, list or
      dictionary of the layer that holds them; `data` and `grad` name the attributes of each;
    * arrays in a dictionary or list of the layer called `parameters`, their gradients under the
      same keys in another one called `grad`, as `layer.params["W"]` and `layer.grads["W"]`;
    * arrays that are attributes of the layer: `parameters` is a tuple of their names, and `grad` a
      pattern, as "d{}" for `layer.W` and `layer.dW`.

    Args:
        forward: the method of the forward pass.
        backward: the method of the backward pass.
        parameters: where the parameters are; "named_parameters" comes first if it is there.
        data: of a parameter object, its values.
        grad: of a parameter object, its gradient; or the other container, or the pattern.
        accumulates: `backward` adds to gradients; False if it writes them anew each time.
    """

    forward: str = "forward"
    backward: str = "backward"
    parameters: str | tuple[str, ...] = "parameters"
    data: str = "data"
    grad: str = "grad"
    accumulates: bool = True

    def __post_init__(self) -> None:
        """Refuse names that cannot be any."""
        texts = (self.forward, self.backward, self.data, self.grad)
        parts = self.parameters if isinstance(self.parameters, tuple) else (self.parameters,)
        wrong = [name for name in (*texts, *parts) if not isinstance(name, str) or not name]
        if wrong:
            refuse("Names must be names", expected="text that is not empty", got=repr(wrong[0]))


@dataclass(frozen=True)
class Place:
    """An attribute of an object, or an entry of a container that is an attribute of it."""

    holder: Any
    attribute: str
    key: Any = None

    def read(self) -> Any:
        """What stands there; raises AttributeError, KeyError or IndexError if nothing does."""
        held = getattr(self.holder, self.attribute)
        return held if self.key is None else held[self.key]

    def write(self, value: Any) -> None:
        """Put something there."""
        if self.key is None:
            setattr(self.holder, self.attribute, value)
        else:
            getattr(self.holder, self.attribute)[self.key] = value


@dataclass(frozen=True)
class Slot:
    """One parameter: its name, and where its values and its gradient stand."""

    name: str
    owner: Any
    """Who it is: shared weights are listed twice and count once."""
    data: Place
    grad: Place


def slots_of(layer: Any, names: Names) -> list[Slot]:
    """The parameters of a layer, each once.

    Raises:
        UsageError: parameters that are missing, or that are of none of the shapes.
    """
    try:
        found = _slots(layer, names)
        for slot in found:
            slot.data.write(slot.data.read())
            if names.accumulates:
                slot.grad.write(slot.grad.read())
    except Exception as error:  # whatever the caller's code raises is its misuse, in one line
        rule = f"{type(layer).__name__} must list its parameters"
        expected = f"objects with {names.data} and {names.grad} that can be set"
        refuse(rule, expected=expected, got=in_one_line(error))
    once: dict[Any, Slot] = {}
    for slot in found:
        once.setdefault(slot.owner, slot)
    return list(once.values())


def _slots(layer: Any, names: Names) -> list[Slot]:
    if isinstance(names.parameters, tuple):
        pattern = names.grad
        return [
            Slot(name, name, Place(layer, name), Place(layer, pattern.format(name)))
            for name in names.parameters
        ]
    if names.parameters == "parameters" and has(layer, "named_parameters"):
        return [_slot_of(n, p, names) for n, p in layer.named_parameters()]
    # A property that fails is no missing attribute: its parameters would go unchecked.
    is_there = inspect.getattr_static(layer, names.parameters, None) is not None
    listed = getattr(layer, names.parameters) if is_there else getattr(layer, names.parameters, ())
    if callable(listed):
        listed = listed()
    pairs = list(listed.items() if isinstance(listed, Mapping) else enumerate(listed))
    if pairs and _are_arrays([value for _, value in pairs], names):
        return [
            Slot(_name(k), k, Place(layer, names.parameters, k), Place(layer, names.grad, k))
            for k, _ in pairs
        ]
    return [_slot_of(getattr(p, "name", "") or _name(k), p, names) for k, p in pairs]


def _slot_of(name: str, parameter: Any, names: Names) -> Slot:
    """Of a parameter that is an object."""
    data, grad = Place(parameter, names.data), Place(parameter, names.grad)
    return Slot(name, id(parameter), data, grad)


def _name(key: Any) -> str:
    return f"parameter{key}" if isinstance(key, int) else str(key)


def _are_arrays(values: list[Any], names: Names) -> bool:
    """Arrays themselves, and no objects that hold some: those have the gradient as attribute."""
    return all(hasattr(value, "dtype") and not hasattr(value, names.grad) for value in values)


def method(layer: Any, name: str) -> Callable[..., Any]:
    """A method of the layer.

    Raises:
        UsageError: there is none.
    """
    found: Callable[..., Any] | None = getattr(layer, name) if has(layer, name) else None
    if not callable(found):
        rule = f"{type(layer).__name__} must have its passes as methods"
        refuse(rule, expected=f"a method {name}", got="none")
    return found
