"""Oracles: another implementation of the same thing, in whatever form it comes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import as_array, is_tensor, loaded
from capstone.gradcheck.subjects.find_library import is_jax_array
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.subjects.jax_subject import JaxSubject
from capstone.gradcheck.subjects.make_subject import Means, is_torch_function, make_subject
from capstone.gradcheck.subjects.signatures import argument_names, callable_name
from capstone.gradcheck.subjects.subject import ContractBrokenError, Stateless, Subject, frozen
from capstone.gradcheck.usage import refuse


class Crossed(Stateless):
    """The own backward pass as if it were that of the oracle's forward pass.

    Args:
        own: whose backward pass it is.
        oracle: whose forward pass it is.
        pairs: numbers of the arguments that belong together, own and oracle's.
    """

    def __init__(self, own: Subject, oracle: Subject, pairs: Sequence[tuple[int, int]]) -> None:
        self.own, self.oracle, self.pairs = own, oracle, pairs
        self.name, self.arguments = own.name, own.arguments

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """The oracle's output; what is saved is the point."""
        theirs = [argument.value for argument in self.oracle.arguments]
        for i, j in self.pairs:
            theirs[j] = values[i]
        return self.oracle.forward(theirs)[0], values

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """The own gradients there."""
        return self.own.backward(dy, self.own.forward(saved)[1])


class ForwardSubject(Stateless):
    """A NumPy function without a backward pass: its gradient is what differences say.

    Args:
        function: returns an array, or a tuple that begins with it.
        inputs: of the function.
    """

    def __init__(self, function: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self.function, self.name = function, callable_name(function)
        names = argument_names(function, len(inputs))
        pairs = zip(names, inputs, strict=True)
        self.arguments = tuple(frozen(name, value) for name, value in pairs)

    def forward(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """`(y, nothing)`."""
        return _first(self.function(*values)), None

    def backward(self, dy: Array, saved: Any, prefill: Sequence[Array] | None = None) -> list[Any]:
        """There is none.

        Raises:
            ContractBrokenError: always.
        """
        raise ContractBrokenError(f"{self.name} has no backward pass")


def make_oracle(oracle: Any, subject: Subject, inputs: Sequence[Any], given: Any) -> Subject:
    """The oracle as a subject.

    Args:
        oracle: an `Op`, a layer, something of PyTorch or JAX, or a NumPy function.
        subject: what it is the oracle for.
        inputs: of that.
        given: the oracle's own inputs; if None, the values of all arguments of the subject, or
            its inputs where the oracle takes no more.

    Raises:
        UsageError: none of the ways to call it works.
    """
    values = [argument.value for argument in subject.arguments]
    choices = [values, values[: len(inputs)]] if given is None else [list(given)]
    errors: list[str] = []
    for arrays in choices:
        for way in (_as_it_is, _of_tensors, _of_jax):
            try:
                made = way(oracle, arrays)
            except Exception as error:  # whatever it raises, there may be another way
                errors.append(f"{type(error).__name__}: {error}".splitlines()[0])
                continue
            if made is not None:
                return made
    rule = "the oracle must run on the subject's arguments"
    mend = "hand over oracle_inputs"
    got = errors[0] if errors else "none"
    refuse(rule, expected="an output", got=got, mend=mend, function="triangulate")


def _as_it_is(oracle: Any, arrays: Sequence[Any]) -> Subject | None:
    """By what the oracle is, or by what it returns for NumPy arrays."""
    has_passes = hasattr(oracle, "forward") and hasattr(oracle, "backward")
    if isinstance(oracle, Op) or (has_passes and not is_torch_function(oracle)):
        made = make_subject(oracle, arrays, Means())
        made.forward([argument.value for argument in made.arguments])
        return made
    if isinstance(oracle, type) or any(map(is_tensor, arrays)):
        return make_subject(oracle, arrays, Means())
    with np.errstate(all="ignore"):
        result = oracle(*(np.array(array) for array in arrays))
    if isinstance(result, tuple) and len(result) == 2 and callable(result[1]):
        return make_subject(oracle, arrays, Means())
    if _holds(is_jax_array, result):
        return JaxSubject(oracle, arrays)
    is_numeric = as_array(_first(result)) is not None and not _holds(is_tensor, result)
    return ForwardSubject(oracle, arrays) if is_numeric else None


def _of_tensors(oracle: Any, arrays: Sequence[Any]) -> Subject | None:
    """As something of PyTorch, if that is what it takes."""
    torch = loaded("torch")
    if not hasattr(torch, "Tensor"):
        return None
    tensors = [_tensor(torch, array) for array in arrays]
    made = make_subject(oracle, tensors, Means())
    y, _ = made.forward([argument.value for argument in made.arguments])
    return made if isinstance(y, np.ndarray) else None


def _tensor(torch: Any, array: Any) -> Any:
    tensor = torch.from_numpy(np.array(array))
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


def _of_jax(oracle: Any, arrays: Sequence[Any]) -> Subject | None:
    """As a function of JAX's arrays."""
    if not hasattr(loaded("jax"), "Array"):
        return None
    made = JaxSubject(oracle, arrays)
    y, _ = made.forward([argument.value for argument in made.arguments])
    return made if isinstance(y, np.ndarray) else None


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) and result else result


def _holds(is_kind: Callable[[Any], bool], result: Any) -> bool:
    items = result if isinstance(result, tuple | list) else [result]
    return any(map(is_kind, items))
