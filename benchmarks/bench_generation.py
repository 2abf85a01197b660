"""The last token of a text of 256: with keys and values kept, beside reading the text anew."""

import numpy as np
import pytest
from benchmarks.generation import VOCABULARY, make_model

TOKENS = 256


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_token(name, time_token):
    model = make_model(name, TOKENS)
    text = np.random.default_rng(0).integers(0, VOCABULARY, (1, TOKENS))  # (1, T)

    def begin(_):
        read = model.remembering()
        read(text[:, :-2])
        read(text[:, :-1])  # room for more is made at the second call
        return read

    time_token(f"{name}-T{TOKENS}", lambda: model.infer(text), begin, lambda read: read(text))
