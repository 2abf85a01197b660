"""Forward passes of PyTorch that draw random numbers, as dropout does in training."""

from typing import Any

import numpy as np

from capstone.gradcheck.subjects.arrays import loaded
from capstone.gradcheck.subjects.torch_subject import TorchSubject
from capstone.gradcheck.usage import refuse


def refuse_random(thing: Any, subject: TorchSubject) -> TorchSubject:
    """The subject, which must not be random: its gradient would mean nothing.

    Args:
        thing: what the caller gave; of a module, the dropout layers are named.
        subject: made of it.

    Raises:
        UsageError: it draws random numbers, and they show.
    """
    torch = loaded("torch")
    values = [argument.value for argument in subject.arguments]
    before = _generators(torch)
    try:
        first, second = (np.asarray(subject.forward(values)[0]) for _ in range(2))
        is_same = np.array_equal(first, second, equal_nan=True)
    except Exception:  # the base pass puts it in words
        return subject
    finally:
        pairs = zip(before, _generators(torch), strict=True)
        has_drawn = not all(torch.equal(old, new) for old, new in pairs)
        torch.set_rng_state(before[0])
        if before[1:]:
            torch.cuda.set_rng_state_all(before[1:])
    if has_drawn and not is_same:
        dropouts = _dropouts(thing)
        rule = f"forward of {subject.name} must not be random"
        got = f"random numbers drawn by {', '.join(dropouts[:3]) or 'the forward pass'}"
        mend = "call .eval(), or set p to 0" if dropouts else "set the seed in it"
        refuse(rule, expected="the same output each time", got=got, mend=mend)
    return subject


def _dropouts(thing: Any) -> list[str]:
    """The layers of a module that drop entries, as they are set now."""
    parts = thing.named_modules() if hasattr(thing, "named_modules") else ()
    return [
        f"{name or 'itself'} (p={part.p})"
        for name, part in parts
        if part.training and getattr(part, "p", 0) and "Dropout" in type(part).__name__
    ]


def _generators(torch: Any) -> list[Any]:
    """The states of PyTorch's own generators: the processor's, and those of GPUs in use."""
    has_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if has_gpu else [])]
