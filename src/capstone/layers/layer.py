"""What every layer shares: it remembers one forward pass and lists its parameters."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.errors import BackwardOrderError
from capstone.parameter import Parameter


class Layer:
    """A thin object around an op: `forward`, `backward`, `parameters`.

    `forward` keeps what the backward pass needs; `backward` uses it up and *adds* to the gradient
    of each parameter. Attributes that are parameters or layers are found by themselves, in the
    order in which `__init__` set them.
    """

    keeps: bool = True
    """Whether forward passes remember what `backward` needs; those of a `reader` do not."""

    _saved: Any = None
    _output_shape: tuple[int, ...] = ()

    def forward(self, x: Array) -> Array:
        """Compute the output and remember what `backward` needs."""
        raise NotImplementedError

    def backward(self, grad_output: Array) -> Array | None:
        """Add to the parameters' gradients and return the gradient of the input."""
        raise NotImplementedError

    @property
    def cache(self) -> Any:
        """Read-only view of what the last forward pass saved; None once `backward` has used it.

        Layers made of layers save nothing of their own: look at the caches of their parts. Only a
        block that recomputes keeps something, its input, and then its parts keep nothing.
        """
        return read_only(self._saved)

    def keep(self, y: Array, saved: Any) -> Array:
        """Remember what an op saved for the backward pass, if one may follow; return its output."""
        self._saved, self._output_shape = saved if self.keeps else None, y.shape
        return y

    def take_saved(self, grad_output: Array) -> Any:
        """Hand out what the forward pass saved, once, if `grad_output` fits its output."""
        where = f"{type(self).__name__}.backward"
        if self._saved is None:
            rule = "each backward needs a forward of its own before it"
            got = "none since the last backward" if self.keeps else "one that keeps nothing"
            fail(where, rule, expected="one forward", got=got, error=BackwardOrderError)
        if np.shape(grad_output) != self._output_shape:
            rule = "grad_output must have the shape of the output"
            fail(where, rule, expected=self._output_shape, got=np.shape(grad_output))
        saved, self._saved = self._saved, None
        return saved

    def reader(self) -> Self:
        """This layer for inference: the same parameters, and nothing kept for `backward`."""
        twin = object.__new__(type(self))  # neither drawn nor packed: it is made of what there is
        vars(twin).update({name: _reader_of(value) for name, value in vars(self).items()})
        vars(twin).update(keeps=False, _saved=None)
        return twin

    def forget(self) -> None:
        """Drop what forward passes saved, here and in all parts: no backward pass will follow."""
        for layer in self.layers():
            layer._saved = None

    def layers(self) -> Iterator["Layer"]:
        """This layer, and all that it is made of."""
        yield self
        for _, part in self._parts():
            if isinstance(part, Layer):
                yield from part.layers()

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield `(dotted name, parameter)`; one that is shared comes once, under its first name."""
        seen: set[int] = set()
        for name, parameter in self._walk(prefix):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def _walk(self, prefix: str) -> Iterator[tuple[str, Parameter]]:
        for name, part in self._parts():
            if isinstance(part, Parameter):
                yield f"{prefix}{name}", part
            else:
                yield from part._walk(f"{prefix}{name}.")

    def _parts(self) -> Iterator[tuple[str, "Parameter | Layer"]]:
        """Attributes that are parameters or layers, those in lists by their number."""
        for name, value in vars(self).items():
            is_list = isinstance(value, list)
            numbered = [(f"{name}.{i}", part) for i, part in enumerate(value)] if is_list else []
            for path, part in [(name, value), *numbered]:
                if isinstance(part, Parameter | Layer):
                    yield path, part

    def parameters(self) -> list[Parameter]:
        """All parameters, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()


def _reader_of(value: Any) -> Any:
    """An attribute of a layer as its reader has it."""
    if isinstance(value, list):
        return [_reader_of(item) for item in value]
    return value.reader() if isinstance(value, Layer) else value


def read_only(saved: Any) -> Any:
    """The same nested tuples, named or not, with views of the arrays that cannot be written to."""
    if isinstance(saved, np.ndarray):
        view = saved.view()
        view.flags.writeable = False
        return view
    if isinstance(saved, tuple):
        parts = map(read_only, saved)
        return type(saved)(*parts) if hasattr(saved, "_fields") else tuple(parts)
    return saved
