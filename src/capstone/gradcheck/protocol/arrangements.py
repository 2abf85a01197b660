"""The same numbers in other arrays: other memory layouts, split batches, empty ones."""

from collections.abc import Callable, Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.protocol.passes import Protocol, broken, is_near, largest_of
from capstone.gradcheck.report import Finding


def check_layout(p: Protocol) -> Iterator[Finding]:
    """Fortran-ordered, strided and reversed arrays mean the same as contiguous ones."""
    layouts: dict[str, Callable[[Array], Array]] = {
        "Fortran-ordered": lambda a: np.array(a, order="F"),
        "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
        "negative-stride": lambda a: a[..., ::-1].copy()[..., ::-1] if a.ndim else a,
    }
    for words, lay in layouts.items():
        values = [lay(value) for value in p.values]
        for array in values:
            array.flags.writeable = False
        try:
            grads = p.both(lay(p.dy), values)
        except Exception as error:  # any exception is the finding
            yield Finding("layout", f"fails on {words} arrays: {type(error).__name__}: {error}")
            continue
        names = p.differing(grads, p.gradients, exact=False)
        yield from broken("layout", names, f"another result for {words} arrays")


def check_batch(p: Protocol) -> Iterator[Finding]:
    """Examples of a batch do not mix: gradients concatenate, those of parameters add up.

    Applies where the forward pass itself treats the first axis as a batch.
    """
    y, _ = p.base
    if y.ndim < 2 or len(y) < 2:
        return
    is_batched = [value.ndim >= 2 and len(value) == len(y) for value in p.values]
    halves = [slice(0, 1), slice(1, None)]
    try:
        parts = [
            [v[cut] if b else v for v, b in zip(p.values, is_batched, strict=True)]
            for cut in halves
        ]
        passes = [p.forward(part) for part in parts]
    except Exception:  # a forward that cannot be split has no batch axis
        return
    if not any(is_batched) or not all(
        is_near(o, y[cut], largest_of(y), 0.0) for (o, _), cut in zip(passes, halves, strict=True)
    ):
        return
    if not p.subject.is_reentrant:
        pieces = [p.both(p.dy[cut], part) for cut, part in zip(halves, parts, strict=True)]
    else:
        saved = [s for _, s in passes]
        pieces = [p.backward(p.dy[cut], s) for cut, s in zip(halves, saved, strict=True)]
    batched = [
        b for b, a in zip(is_batched, p.subject.arguments, strict=True) if a.is_differentiable
    ]
    joined = [
        np.concatenate(pair) if is_split else pair[0] + pair[1]
        for is_split, pair in zip(batched, zip(*pieces, strict=True), strict=True)
    ]
    names = p.differing(joined, p.gradients, exact=False)
    yield from broken(
        "batch", names, "not the sum (or concatenation) over the examples of the batch"
    )


def check_empty(p: Protocol) -> Iterator[Finding]:
    """A batch of no examples gives empty gradients, and zeros for parameters."""
    y, _ = p.base
    is_batched = [y.ndim >= 2 and v.ndim >= 2 and len(v) == len(y) for v in p.values]
    if not any(is_batched):
        return
    values = [
        value[:0] if batched else value for value, batched in zip(p.values, is_batched, strict=True)
    ]
    try:
        empty, saved = p.forward(values)
    except Exception:  # a forward may refuse an empty batch
        return
    if empty.shape != (0, *y.shape[1:]):
        return
    try:
        grads = p.backward(p.dy[:0], saved)
    except Exception as error:  # any exception is the finding
        words = f"backward fails on an empty batch: {type(error).__name__}: {error}"
        yield Finding("empty", words)
        return
    shapes = [
        v.shape for v, a in zip(values, p.subject.arguments, strict=True) if a.is_differentiable
    ]
    names = [
        argument.name
        for argument, grad, shape in zip(p.arguments, grads, shapes, strict=True)
        if grad.shape != shape or (grad.any() and np.isfinite(grad).all())  # 0 / 0 is no claim
    ]
    yield from broken("empty", names, "not empty (or zero) for an empty batch")
