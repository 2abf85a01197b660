"""Forward pass, backward pass and training step of every preset."""

import numpy as np
import pytest
from benchmarks.sizes import DTYPE, MODEL_SIZES
from benchmarks.training import make_numpy_step

from capstone.loss import cross_entropy_loss
from cases import params

pytestmark = [
    pytest.mark.parametrize("case", params(MODEL_SIZES)),
    pytest.mark.benchmark(min_rounds=3),  # a step of `medium` takes seconds
]


def test_forward(case, benchmark):
    (tokens,) = case.inputs()
    benchmark(case.layer(DTYPE).forward, tokens)


def test_backward(case, time_backward):
    model, (tokens,) = case.layer(DTYPE), case.inputs()
    _, grad_logits = cross_entropy_loss(model.forward(tokens), np.roll(tokens, -1))
    time_backward(case.id, lambda: model.forward(tokens), lambda _: model.backward(grad_logits))


def test_training_step(case, benchmark):
    (tokens,) = case.inputs()
    step = make_numpy_step(case.layer(DTYPE), tokens, np.roll(tokens, -1))
    benchmark(step)
    if benchmark.stats is not None:
        benchmark.extra_info["tokens_per_second"] = tokens.size / benchmark.stats.stats.median
