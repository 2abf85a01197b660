"""An `autograd.Function` of PyTorch as a subject: what its own backward pass returned is judged.

The engine casts gradients, sums them to shape and takes None for zeros. All of that comes after the
recording here, so that the verdict is about what was written by hand.
"""

from collections.abc import Sequence
from typing import Any

from capstone.gradcheck.subjects.arrays import is_tensor
from capstone.gradcheck.subjects.signatures import argument_names
from capstone.gradcheck.subjects.subject import ContractBrokenError
from capstone.gradcheck.subjects.torch_subject import Pass, TorchSubject, with_constants


class TorchFunctionSubject(TorchSubject):
    """An `autograd.Function`, whose own returned gradients are judged.

    Args:
        function: the class.
        inputs: of `apply`; those that are no tensors are passed along.
    """

    def __init__(self, function: Any, inputs: Sequence[Any]) -> None:
        self.function = function
        self.returned: Any = None
        self.spy = self._spying(function)
        self.positions = [i for i, thing in enumerate(inputs) if is_tensor(thing)]
        self.n_inputs = len(inputs)
        names = function_argument_names(function, len(inputs))
        tensors = [inputs[i] for i in self.positions]
        labels = [names[i] for i in self.positions]
        run = with_constants(self.spy.apply, inputs)
        super().__init__(run, tensors, labels, function.__name__)

    def _spying(self, function: Any) -> Any:
        """A subclass that does the same and records what the backward pass returned."""
        own = "vjp" if "vjp" in _overridden(function) else "backward"
        written = getattr(function, own)

        def backward(context: Any, *grads: Any) -> Any:
            self.returned = written(context, *grads)
            return self.returned

        return type(function.__name__, (function,), {own: staticmethod(backward)})

    def _saved_by(self, y: Any) -> Any:
        """Saved tensors, and what else the passes keep on their context."""
        node = getattr(y, "grad_fn", None)
        saved = getattr(node, "saved_tensors", ())
        return [*saved, *getattr(node, "__dict__", {}).values()]

    def _grads(self, dy: Any, saved: Pass) -> list[Any]:
        """What the hand-written backward pass returned; the engine only calls it."""
        self.returned = None
        try:
            of_engine = super()._grads(dy, saved)
        except RuntimeError:
            if self.returned is None:
                raise
            of_engine = None
        if self.returned is None:
            return of_engine or []
        grads = self._by_argument(self.returned, saved)
        if of_engine is None and all(map(_fits, grads, saved.leaves)):
            return super()._grads(dy, saved)  # the engine's complaint is about something else
        return [g for g, leaf in zip(grads, saved.leaves, strict=True) if leaf.requires_grad]

    def _by_argument(self, returned: Any, saved: Pass) -> list[Any]:
        """One gradient for each tensor of `apply`.

        Raises:
            ContractBrokenError: too few or too many, of another device, or of another format than
                bfloat16, which NumPy's dtypes would not show.
        """
        listed = list(returned) if isinstance(returned, tuple | list) else [returned]
        while len(listed) > self.n_inputs and listed[-1] is None:
            listed.pop()  # autograd allows them
        if len(listed) != self.n_inputs:
            raise ContractBrokenError(
                f"backward must return one gradient for each of the {self.n_inputs} inputs of "
                f"apply: expected {self.n_inputs}, got {len(listed)}"
            )
        grads = [listed[i] for i in self.positions]
        for grad, leaf, argument in zip(grads, saved.leaves, self.arguments, strict=True):
            if is_tensor(grad) and leaf.requires_grad:
                _check_spot(grad, leaf, argument.name)
        return grads


def _check_spot(grad: Any, leaf: Any, name: str) -> None:
    """Device, and the dtypes of which NumPy knows nothing."""
    if grad.device != leaf.device:
        words = f"d({name}) lives on {grad.device}, expected {leaf.device}"
        raise ContractBrokenError(words)
    if "bfloat16" in str(leaf.dtype) and grad.dtype != leaf.dtype:
        raise ContractBrokenError(f"d({name}) has dtype {grad.dtype}, expected {leaf.dtype}")


def _fits(grad: Any, leaf: Any) -> bool:
    return not leaf.requires_grad or (is_tensor(grad) and grad.shape == leaf.shape)


def _overridden(function: Any) -> set[str]:
    """Names that a Function's classes define below PyTorch's own."""
    classes = [c for c in function.__mro__ if not c.__module__.startswith("torch.")]
    return {name for c in classes for name in vars(c)}


def function_argument_names(function: Any, count: int) -> list[str]:
    """Names of the inputs of `apply`, in either of the two styles of writing a Function."""
    if "setup_context" in _overridden(function):
        return argument_names(function.forward, count)
    return argument_names(function.forward, count + 1)[1:]
