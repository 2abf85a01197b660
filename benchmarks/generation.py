"""Greedy generation from one token, as the comparison times it: with and without the cache."""

from collections.abc import Callable

import numpy as np

from capstone._typing import Array
from capstone.generate import stream
from capstone.model import TrainableTransformer
from capstone.presets import preset

PROMPT = np.array([1])  # (1,)
VOCABULARY = 65
LOUDER = 6.0  # times the initial weights, whose likeliest token would be the last one again


def make_model(name: str, count: int) -> TrainableTransformer:
    """A preset whose context has room for the prompt and `count` tokens, so that it never slides.

    Its weights are so large that the next token depends on all before it: two models that agree on
    a text then have to agree on the order of what they keep.
    """
    seq_len = PROMPT.size + count
    model = TrainableTransformer(preset(name, vocab_size=VOCABULARY, seq_len=seq_len))
    for block in model.blocks:
        for _, parameter in block.named_parameters():
            parameter.data *= LOUDER if parameter.data.ndim > 1 else 1
    return model


def make_numpy_generation(model: TrainableTransformer, count: int) -> Callable[[], Array]:
    """`generate`, which keeps keys and values."""
    return lambda: model.generate(PROMPT, max_new_tokens=count, temperature=0)


def make_uncached_generation(model: TrainableTransformer, count: int) -> Callable[[], list[int]]:
    """Every token from the whole text before it."""
    context = model.config.seq_len
    options = {"context": context, "max_new_tokens": count, "temperature": 0}
    return lambda: list(stream(model.infer, PROMPT, **options))
