"""A model that reads on where it stopped gives what it gives from the start."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings

import tolerances
from capstone.errors import UsageError
from capstone.generate import stream
from capstone.model import ModelConfig, TrainableTransformer
from capstone.ops.past import Past
from strategies import cuts, generators
from unit.closeness import distance

SIZES = {"d_model": 12, "n_layers": 2, "n_heads": 3, "d_ff": 7}


def make_model(seq_len: int = 12, positions: str = "rope", dtype=np.float64):
    """Weights so large that the text depends on them, not on chance."""
    config = ModelConfig(11, seq_len=seq_len, positions=positions, **SIZES)
    model = TrainableTransformer(config, dtype=dtype)
    model.flat.data[...] *= 10
    return model


@given(generators, cuts())
@settings(max_examples=30)
def test_what_is_read_in_parts_has_the_logits_of_the_whole(rng, drawn):
    T, cut = drawn
    model, tokens = make_model(T), rng.integers(0, 11, (2, T))
    read = model.remembering()
    parts = np.concatenate([read(tokens[:, :cut]), read(tokens)], axis=1)
    assert distance(parts, model.infer(tokens)) < tolerances.PREFIX


@pytest.mark.parametrize("positions", ["rope", "none"])
@pytest.mark.parametrize("context", [4, 40])
def test_greedy_text_is_that_of_reading_everything_anew(positions, context):
    model, prompt = make_model(context, positions), np.array([3, 1, 4])
    how = {"context": context, "max_new_tokens": 30, "temperature": 0.0}
    anew = list(stream(model.infer, prompt, **how))
    assert list(stream(model.remembering(), prompt, **how)) == anew
    assert len(set(anew)) > 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("context", [4, 40])
def test_prompts_continued_together_are_those_continued_alone(context, temperature):
    model = make_model(context)
    prompts = np.random.default_rng(0).integers(0, 11, (3, 5))
    how = {"max_new_tokens": 20, "temperature": temperature}
    together = model.generate_batch(prompts, seed=7, **how)
    alone = [model.generate(prompt, seed=7 + b, **how) for b, prompt in enumerate(prompts)]
    assert [row.tolist() for row in together] == [row.tolist() for row in alone]
    assert len({tuple(row) for row in together}) == 3


@pytest.mark.parametrize(
    "second",
    [[[1, 2, 3]], [[1, 2]], [[2, 2, 3, 4]], [[1, 2, 3, 4], [1, 2, 3, 4]]],
    ids=["the same", "a shorter one", "another one", "more of them"],
)
def test_any_other_context_is_read_from_the_start(second):
    model = make_model()
    read, tokens = model.remembering(), np.array(second)
    read(np.array([[1, 2, 3]]))
    np.testing.assert_array_equal(read(tokens), model.infer(tokens))


def test_no_context_at_all_has_no_logits():
    model, none = make_model(), np.zeros((0, 3), int)
    read = model.remembering()
    assert read(none).shape == model.infer(none).shape == (0, 3, 11)
    assert read(np.zeros((0, 4), int)).shape == (0, 1, 11)


def test_a_context_beyond_the_models_is_refused_though_it_only_got_longer():
    model, tokens = make_model(4), np.array([[1, 2, 3, 4, 5]])
    read = model.remembering()
    read(tokens[:, :4])
    with pytest.raises(UsageError, match="expected 1 <= T <= 4, got T = 5"):
        read(tokens)


def test_a_context_that_is_changed_afterwards_is_not_taken_for_known():
    model, tokens = make_model(), np.array([[1, 2, 3, 4]])
    read = model.remembering()
    shown = tokens[:, :3]
    read(shown)
    shown[0, 0] = 5
    np.testing.assert_array_equal(read(tokens), model.infer(tokens))


def test_one_new_token_is_all_that_goes_through_the_model():
    model = make_model()
    read, tokens = model.remembering(), np.array([[1, 2, 3, 4]])
    read(tokens[:, :3])
    assert read(tokens).shape == (1, 1, 11)


@pytest.mark.parametrize("tokens", [[[1, 2, 3, 4]], [[7, 11]]], ids=["read", "refused"])
def test_a_model_that_recomputes_reads_on_as_any_other_and_recomputes_afterwards(tokens):
    model, shown = make_model(), np.array([[1, 2, 3]])
    read = model.remembering()
    wanted = [read(shown), read(np.array([[1, 2, 3, 4]]))]
    model.blocks[0].recompute = True
    read = model.remembering()
    np.testing.assert_array_equal(read(shown), wanted[0])
    with contextlib.suppress(UsageError):
        np.testing.assert_array_equal(read(np.array(tokens)), wanted[1])
    assert [block.recompute for block in model.blocks] == [True, False]


def test_a_token_that_fails_midway_is_read_again(monkeypatch):
    model, tokens = make_model(), np.array([[1, 2, 3, 4]])
    read = model.remembering()
    read(tokens[:, :3])
    with monkeypatch.context() as patch:
        patch.setattr("capstone.ops.feed_forward.swiglu_fwd", None)
        with pytest.raises(TypeError):
            read(tokens)
    logits = read(tokens)
    assert logits.shape == (1, 1, 11)
    assert distance(logits, model.infer(tokens)[:, 3:]) < tolerances.PREFIX


def test_a_past_of_the_models_own_is_none_of_the_readers():
    model, tokens = make_model(), np.array([[1, 2, 3]])
    wanted = model.infer(tokens)
    model.blocks[1].attention.past = Past(*np.ones((2, 3, 5, 4)))  # (H, T0, K) each
    np.testing.assert_array_equal(model.remembering()(tokens), wanted)
    assert model.blocks[1].attention.past is not None


def test_a_context_that_is_refused_changes_nothing():
    model = make_model()
    read, tokens = model.remembering(), np.array([[1, 2, 3, 4]])
    read(tokens[:, :3])
    with pytest.raises(UsageError, match="tokens out of range"):
        read(np.array([[7, 11]]))
    assert read(tokens).shape == (1, 1, 11)
    assert distance(read(tokens), model.infer(tokens)) < tolerances.PREFIX
