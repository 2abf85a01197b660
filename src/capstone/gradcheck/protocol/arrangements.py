"""The same numbers in other arrays: other memory layouts, split batches, empty ones."""

from collections.abc import Callable, Iterator

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.outcome import Finding
from capstone.gradcheck.protocol.passes import Protocol, broken, is_near, largest_of
from capstone.gradcheck.usage import in_one_line


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
            y, saved = p.forward(values)
        except Exception:  # a forward may refuse a layout: whoever meets that hears of it
            continue
        if not is_near(y, p.base[0], largest_of(p.base[0]), 0.0):
            continue  # a forward that looks at the memory itself means something else by it
        try:
            grads = p.backward(lay(p.dy), saved)
        except Exception as error:  # any exception is the finding
            yield Finding("layout", f"fails on {words} arrays: {in_one_line(error)}")
            continue
        names = p.differing(grads, p.gradients, exact=False)
        yield from broken("layout", names, f"another result for {words} arrays")


def check_batch(p: Protocol) -> Iterator[Finding]:
    """Examples of a batch do not mix: gradients concatenate, those of parameters add up.

    Applies where the forward pass itself treats the first axis as a batch.
    """
    batch = p.batch
    if batch is None:
        return
    if p.subject.is_reentrant:
        dys = [p.dy[cut] for cut in batch.cuts]
        pieces = [p.backward(dy, saved) for dy, saved in zip(dys, batch.saved, strict=True)]
    else:
        pairs = zip(batch.cuts, batch.parts, strict=True)
        pieces = [p.both(p.dy[cut], part) for cut, part in pairs]
    pairs_of = zip(batch.is_batched, p.subject.arguments, strict=True)
    is_split = [batched for batched, argument in pairs_of if argument.is_differentiable]
    joined = [
        np.concatenate(pair) if split else pair[0] + pair[1]
        for split, pair in zip(is_split, zip(*pieces, strict=True), strict=True)
    ]
    names = p.differing(joined, p.gradients, exact=False)
    yield from broken(
        "batch", names, "not the sum (or concatenation) over the examples of the batch"
    )


def check_empty(p: Protocol) -> Iterator[Finding]:
    """A batch of no examples gives empty gradients, and zeros for parameters."""
    batch = p.batch
    if batch is None:
        return
    y, _ = p.base
    pairs = zip(p.values, batch.is_batched, strict=True)
    values = [value[:0] if is_batched else value for value, is_batched in pairs]
    try:
        empty, saved = p.forward(values)
    except Exception:  # a forward may refuse an empty batch
        return
    if empty.shape != (0, *y.shape[1:]):
        return
    try:
        grads = p.backward(p.dy[:0], saved)
    except Exception as error:  # any exception is the finding
        words = f"backward fails on an empty batch: {in_one_line(error)}"
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
