"""Attention with two taps, right and with bugs planted between them."""

from typing import Any

import numpy as np

from capstone.gradcheck import Op, tap, tap_grad
from unit.gradcheck.samples import draw

INPUTS = [draw(2, 3, T, 4, seed=T + n) for n, T in enumerate((5, 7, 7))]


def attention_fwd(q, k, v):
    scores = tap("scores", q @ k.swapaxes(-1, -2) / 2)
    weights = np.exp(scores - scores.real.max(axis=-1, keepdims=True))
    probs = tap("probs", weights / weights.sum(axis=-1, keepdims=True))
    return probs @ v, (q, k, v, probs)


RIGHT = {
    "dprobs": lambda dy, v: dy @ v.swapaxes(-1, -2),
    "dscores": lambda p, dp: p * (dp - (dp * p).sum(axis=-1, keepdims=True)),
    "dq": lambda ds, k: ds @ k / 2,
    "dk": lambda ds, q: ds.swapaxes(-1, -2) @ q / 2,
    "dv": lambda p, dy: p.swapaxes(-1, -2) @ dy,
}


def attention(tap_grad: Any = tap_grad, forward: Any = attention_fwd, **bugs: Any) -> Op:
    """The pair, with some of its lines exchanged."""
    lines = RIGHT | bugs

    def backward(dy, saved):
        q, k, v, probs = saved
        dprobs = tap_grad("probs", lines["dprobs"](dy, v))
        dscores = tap_grad("scores", lines["dscores"](probs, dprobs))
        return lines["dq"](dscores, k), lines["dk"](dscores, q), lines["dv"](probs, dy)

    return Op(forward, backward, name="attention")
