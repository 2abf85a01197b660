"""A model that is used and not trained: it keeps nothing, and continues prompts."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from capstone.errors import BackwardOrderError, UsageError
from capstone.evaluate import evaluate
from capstone.layers import Layer
from capstone.model import ModelConfig, TrainableTransformer
from capstone.shards import Shards
from cases import MODEL_CASES

SMALL = ModelConfig(11, seq_len=6, d_model=12, n_layers=2, n_heads=3, d_ff=7)


@pytest.fixture
def model():
    """Small, in float64, with weights large enough for every part to matter."""
    return MODEL_CASES[0].layer()


def draw_tokens(rng, *shape):
    return rng.integers(0, SMALL.vocab_size, shape)


def test_inference_gives_the_logits_of_forward(model):
    tokens = draw_tokens(np.random.default_rng(0), 2, 5)
    np.testing.assert_array_equal(model.infer(tokens), model.forward(tokens))


def layers_in(layer):
    """The layer and all its parts."""
    yield layer
    for value in vars(layer).values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Layer):
                yield from layers_in(part)


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_inference_holds_what_one_op_needs_at_a_time():
    model = TrainableTransformer(replace(SMALL, n_layers=8, seq_len=60))
    tokens = draw_tokens(np.random.default_rng(0), 8, 60)
    model.infer(tokens)  # what is cached for good is there
    assert peak_of(lambda: model.infer(tokens)) < peak_of(lambda: model.forward(tokens)) / 2


def test_inference_of_a_model_that_recomputes_runs_forward_once(model, monkeypatch):
    runs = []
    forward = model.blocks[0].feed_forward.forward
    monkeypatch.setattr(
        model.blocks[0].feed_forward, "forward", lambda x: runs.append(x) or forward(x)
    )
    model.blocks[0].recompute = True
    model.infer(np.array([[1, 2, 3]]))
    assert [block.recompute for block in model.blocks] == [True, False]
    assert len(runs) == 1


def test_inference_leaves_nothing_behind(model):
    model.infer(np.array([[1, 2]]))
    assert [layer for layer in layers_in(model) if layer.cache is not None] == []


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.infer(np.array([[1, 2]])),
        lambda model: model.generate(np.array([1, 2]), max_new_tokens=1),
        lambda model: evaluate(Shards(model, 1), np.arange(6), seq_len=3),
    ],
    ids=["infer", "generate", "evaluate"],
)
def test_inference_leaves_the_model_in_the_midst_of_a_step_as_it_is(model, use):
    tokens = np.array([[1, 2]])
    model.backward(model.forward(tokens))
    wanted = model.flat.grad.copy()
    model.zero_grad()
    logits = model.forward(tokens)
    use(model)
    model.backward(logits)
    np.testing.assert_array_equal(model.flat.grad, wanted)
    np.testing.assert_array_equal(model.forward(tokens), logits)


def test_a_reader_sees_the_parameters_of_its_layer_and_refuses_a_backward_pass(model):
    reader, tokens = model.reader(), np.array([[1, 2, 3]])
    for parameter in model.parameters():
        parameter.data *= 2
    logits = reader.forward(tokens)
    np.testing.assert_array_equal(logits, model.forward(tokens))
    with pytest.raises(BackwardOrderError, match=r"got one that keeps nothing$"):
        reader.backward(logits)


# Generation


def test_generation_at_temperature_zero_takes_the_highest_logit(model):
    text = [3]
    for token in model.generate(np.array(text), max_new_tokens=5, temperature=0):
        assert token == model.forward(np.array([text]))[0, -1].argmax()
        text.append(int(token))
    assert len(text) == 6


def test_generation_repeats_with_its_seed(model):
    texts = [model.generate(np.array([3]), max_new_tokens=30, seed=seed) for seed in (1, 1, 2)]
    assert texts[0].tolist() == texts[1].tolist() != texts[2].tolist()


def test_generation_looks_at_the_last_tokens_of_a_long_prompt(model):
    prompt = draw_tokens(np.random.default_rng(0), 20)
    options = {"max_new_tokens": 10, "seed": 4}
    wanted = model.generate(prompt[-SMALL.seq_len :], **options)
    assert model.generate(prompt, **options).tolist() == wanted.tolist()


def test_generation_ends_at_a_stop_token_and_leaves_it_out(model):
    free = model.generate(np.array([3]), max_new_tokens=30, seed=1).tolist()
    stop = free[4]
    ended = model.generate(np.array([3]), max_new_tokens=30, seed=1, stop={stop}).tolist()
    assert ended == free[: free.index(stop)]


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-9}])
def test_generation_among_one_token_is_greedy(model, options):
    greedy = model.generate(np.array([3]), max_new_tokens=8, temperature=0).tolist()
    assert model.generate(np.array([3]), max_new_tokens=8, **options).tolist() == greedy


def test_a_prompt_with_an_unknown_token_is_named(model):
    with pytest.raises(UsageError, match=r"tokens out of range: expected 0 <= id < 11, got 11$"):
        model.generate(np.array([3, 11]), max_new_tokens=2)
