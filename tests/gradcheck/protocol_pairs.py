"""For every rule of the protocol a backward pass that breaks it and one that keeps it.

All numbers of the bad ones are right at the first call on fresh, contiguous arrays: what is wrong
shows only in what they do to memory, to state, or to arrays that come in another shape.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.gradcheck import Op

B, D = 3, 5


@dataclass(frozen=True)
class Pair:
    """A good and a bad subject.

    Args:
        kind: what the bad one does.
        rule: the rule that it breaks.
        bad: makes the bad subject, afresh.
        good: makes the good one.
        expressible: can the bug be written as a pair of functions, as other libraries want it?
    """

    kind: str
    rule: str
    bad: Callable[[], Any]
    good: Callable[[], Any]
    expressible: bool = True

    def inputs(self) -> list[Array]:
        """Arrays for either of the two."""
        x, w = inputs()
        forward = self.good().forward
        count = len(inspect.signature(forward).parameters)
        return [x] if count == 1 else [x, x + w] if forward is add_fwd else [x, w]


def inputs() -> tuple[Array, Array]:
    """`x` (B, D) and `w` (D,), signed and of different sizes."""
    rng = np.random.default_rng(5)
    return rng.standard_normal((B, D)), rng.choice([-1.0, 1.0], D) * rng.uniform(0.5, 2, D)


def gate_fwd(x, w):
    """y = tanh(x) * w."""
    t = np.tanh(x)  # (B, D)
    return t * w, (t, w)


def gate_bwd(dy, saved):
    """`(dx, dw)`."""
    t, w = saved
    return dy * w * (1 - t * t), (dy * t).sum(axis=0)


def gate() -> Op:
    """The good subject of most pairs."""
    return Op(gate_fwd, gate_bwd, "gate")


def gate_with(backward: Callable[..., Any], forward: Callable[..., Any] = gate_fwd) -> Op:
    """The gate with another backward pass."""
    return Op(forward, backward, "gate")


def normalized_bwd(dy, saved):
    """Clips a large upstream gradient by its norm."""
    return gate_bwd(dy * min(1.0, 100 / np.linalg.norm(dy)), saved)


def offset_bwd(dy, saved):
    """Adds the gradient of a penalty when the upstream gradient has nothing to say."""
    dx, dw = gate_bwd(dy, saved)
    return dx, dw if dy.any() else dw + 0.01 * saved[1]


def doubling() -> Op:
    """Its second backward pass over the same saved values gives twice the gradient."""

    def forward(x, w):
        y, saved = gate_fwd(x, w)
        return y, [*saved, 0]

    def backward(dy, saved):
        saved[2] += 1
        dx, dw = gate_bwd(dy, saved[:2])
        return dx * saved[2], dw

    return Op(forward, backward, "gate")


def buffered() -> Op:
    """Returns the same array from every call."""
    buffer = np.empty((B, D))

    def backward(dy, saved):
        dx, dw = gate_bwd(dy, saved)
        if dx.shape != buffer.shape:
            return dx, dw
        buffer[...] = dx
        return buffer, dw

    return Op(gate_fwd, backward, "gate")


def add_fwd(a, b):
    """y = a + b."""
    return a + b, None


def sharing_with_upstream_bwd(dy, saved):
    """Both gradients are the upstream gradient itself."""
    return dy, dy


def copying_bwd(dy, saved):
    """Both gradients are arrays of their own."""
    return dy.copy(), dy.copy()


def power_fwd(x):
    """y = x**2 / 2."""
    return x * x / 2, x


def writing_to_upstream_bwd(dy, x):
    """Multiplies in place."""
    dy *= x
    return dy.copy()


def power_bwd(dy, x):
    """dx = dy * x."""
    return dy * x


def softmax_fwd(x):
    """Subtracts the largest entry first."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, p


def softmax_in_place_fwd(x):
    """Subtracts the largest entry from the caller's array."""
    x -= x.max(axis=-1, keepdims=True)
    return softmax_fwd(x)


def softmax_bwd(dy, p):
    """dx = p * (dy - sum(dy * p))."""
    return p * (dy - (dy * p).sum(axis=-1, keepdims=True))


def writing_to_saved_bwd(dy, saved):
    """Computes 1 - t**2 in the saved array and leaves them there."""
    t, w = saved
    dw = (dy * t).sum(axis=0)
    np.subtract(1, t * t, out=t)
    return dy * w * t, dw


def cached_globally() -> Op:
    """Keeps the saved values in one place for all calls."""
    cache: dict[str, Any] = {}

    def forward(x, w):
        y, cache["saved"] = gate_fwd(x, w)
        return y, None

    return Op(forward, lambda dy, saved: gate_bwd(dy, cache["saved"]), "gate")


class Weight:
    """A parameter."""

    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class GateLayer:
    """The gate as a layer."""

    def __init__(self):
        self.w = Weight(inputs()[1])

    def named_parameters(self):
        return [("w", self.w)]

    def forward(self, x):
        y, self.saved = gate_fwd(x, self.w.data)
        return y

    def backward(self, grad_output):
        dx, dw = gate_bwd(grad_output, self.saved)
        self.w.grad += dw
        return dx


class OverwritingLayer(GateLayer):
    """Writes over the gradient that is there."""

    def backward(self, grad_output):
        dx, dw = gate_bwd(grad_output, self.saved)
        self.w.grad = dw
        return dx


class SharedCacheLayer(GateLayer):
    """Keeps what it saved on its class."""

    def forward(self, x):
        y, type(self).saved = gate_fwd(x, self.w.data)
        return y


def flat_bwd(dy, saved):
    """Returns the gradient of the gains as a row."""
    dx, dw = gate_bwd(dy, saved)
    return dx, dw[None]


def narrow_bwd(dy, saved):
    """Computes in float32."""
    dx, dw = gate_bwd(dy, saved)
    return dx.astype(np.float32), dw.astype(np.float32)


def none_bwd(dy, saved):
    """Has no gradient for the gains."""
    return gate_bwd(dy, saved)[0], None


def few_bwd(dy, saved):
    """Returns one gradient for two arguments."""
    return gate_bwd(dy, saved)[0]


def full_batch_bwd(dy, saved):
    """Uses the number of examples that it was developed with."""
    dx, dw = gate_bwd(dy, saved)
    return dx, dw * (len(dy) / B)


def raw_memory_bwd(dy, saved):
    """Reads the upstream gradient in the order of its memory."""
    flat = dy.ravel(order="K").reshape(dy.shape)
    return gate_bwd(flat, saved)


def constant_if_empty_bwd(dy, saved):
    """Has a constant for the case that there is nothing to add up."""
    dx, dw = gate_bwd(dy, saved)
    return dx, dw + (0 if len(dy) else 1)


MASK = np.array([[True, False, True, True, False]] * B)


def masked_fwd(x):
    """y = x**2 / 2 where the mask is set, 0 elsewhere."""
    return np.where(MASK[: len(x)], x * x / 2, 0.0), x


def masked_by_factor_bwd(dy, x):
    """Multiplies by the mask where the entries are moderate, as they are in tests."""
    return dy * x * np.where(np.abs(x) < 100, MASK[: len(x)], True)


def masked_bwd(dy, x):
    """Leaves masked entries out."""
    return np.where(MASK[: len(x)], dy * x, 0.0)


def noisy() -> Op:
    """Draws from a generator that outlives the call."""
    rng = np.random.default_rng(0)

    def forward(x, w):
        kept = rng.random(x.shape) < 0.8
        y, saved = gate_fwd(np.where(kept, x, 0.0), w)
        return y, (*saved, kept)

    def backward(dy, saved):
        dx, dw = gate_bwd(dy, saved[:2])
        return np.where(saved[2], dx, 0.0), dw

    return Op(forward, backward, "gate")


def seeded_once() -> Op:
    """The same with a mask that belongs to the subject."""
    kept = np.random.default_rng(0).random((B, D)) < 0.8

    def forward(x, w):
        y, saved = gate_fwd(np.where(kept[: len(x)], x, 0.0), w)
        return y, saved

    def backward(dy, saved):
        dx, dw = gate_bwd(dy, saved)
        return np.where(kept[: len(dx)], dx, 0.0), dw

    return Op(forward, backward, "gate")


def counting() -> Op:
    """Its first backward pass is right; later ones remember that they are not the first."""
    calls = []

    def backward(dy, saved):
        calls.append(None)
        dx, dw = gate_bwd(dy, saved)
        return (dx, dw) if len(calls) == 1 else (dx * 1.001, dw)

    return Op(gate_fwd, backward, "gate")


PAIRS = [
    Pair("clipped upstream", "linearity", lambda: gate_with(normalized_bwd), gate),
    Pair("constant term", "zero", lambda: gate_with(offset_bwd), gate),
    Pair("second backward differs", "repeat", doubling, gate),
    Pair("remembers earlier calls", "repeat", counting, gate),
    Pair("random forward", "repeat", noisy, seeded_once),
    Pair("buffer reused", "buffer", buffered, gate),
    Pair(
        "gradient shares the upstream",
        "memory",
        lambda: Op(add_fwd, sharing_with_upstream_bwd),
        lambda: Op(add_fwd, copying_bwd),
    ),
    Pair(
        "upstream written to",
        "frozen",
        lambda: Op(power_fwd, writing_to_upstream_bwd),
        lambda: Op(power_fwd, power_bwd),
    ),
    Pair(
        "input written to",
        "frozen",
        lambda: Op(softmax_in_place_fwd, softmax_bwd),
        lambda: Op(softmax_fwd, softmax_bwd),
    ),
    Pair("saved values written to", "saved", lambda: gate_with(writing_to_saved_bwd), gate),
    Pair("cache shared by calls", "interleave", cached_globally, gate),
    Pair("cache shared by instances", "interleave", SharedCacheLayer, GateLayer, False),
    Pair("= for +=", "accumulate", OverwritingLayer, GateLayer, False),
    Pair("shape of a gradient", "contract", lambda: gate_with(flat_bwd), gate),
    Pair("dtype of a gradient", "contract", lambda: gate_with(narrow_bwd), gate),
    Pair("None for a gradient", "contract", lambda: gate_with(none_bwd), gate),
    Pair("a gradient too few", "contract", lambda: gate_with(few_bwd), gate),
    Pair("batch size wired in", "batch", lambda: gate_with(full_batch_bwd), gate),
    Pair("memory order assumed", "layout", lambda: gate_with(raw_memory_bwd), gate),
    Pair("empty batch", "empty", lambda: gate_with(constant_if_empty_bwd), gate),
    Pair(
        "garbage under the mask",
        "ignored",
        lambda: Op(masked_fwd, masked_by_factor_bwd),
        lambda: Op(masked_fwd, masked_bwd),
    ),
]
