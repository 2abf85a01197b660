"""Evaluation over a whole split: against one target at a time, whatever the sizes."""

import math
import threading

import numpy as np
import pytest

import capstone.evaluate
import tolerances
from capstone.errors import DataError
from capstone.evaluate import evaluate
from capstone.model import ModelConfig, TrainableTransformer
from capstone.shards import Shards

SEQ_LEN = 4
LENGTHS = [2, 4, 5, 6, 9, 12, 13, 30]


@pytest.fixture(scope="module")
def model():
    config = ModelConfig(vocab_size=5, seq_len=SEQ_LEN, d_model=8, n_layers=1, n_heads=2)
    return TrainableTransformer(config, dtype=np.float64)


def make_ids(length):
    return np.random.default_rng(length).integers(5, size=length)


def naive_loss(model, ids):
    """Each id but the first is predicted from what its own window holds before it."""
    losses = []
    for i in range(1, len(ids)):
        start = (i - 1) // SEQ_LEN * SEQ_LEN
        logits = model.forward(ids[None, start:i])[0, -1]  # (V,)
        losses.append(math.log(math.fsum(np.exp(logits))) - logits[ids[i]])
    return math.fsum(losses) / len(losses)


@pytest.mark.parametrize("tokens", [1, 8, 4096], ids="at_once_{}".format)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_target_counts_once(model, monkeypatch, length, tokens):
    monkeypatch.setattr(capstone.evaluate, "EVALUATION_TOKENS", tokens)
    ids = make_ids(length)
    expected = naive_loss(model, ids)
    assert (
        abs(evaluate(Shards(model, 1), ids, seq_len=SEQ_LEN) - expected)
        <= tolerances.ORACLE * expected
    )


@pytest.mark.parametrize("count", [2, 3])
def test_the_batches_are_spread_over_the_shards(model, monkeypatch, count):
    monkeypatch.setattr(capstone.evaluate, "EVALUATION_TOKENS", 8)
    ids, seen = make_ids(30), []
    infer = TrainableTransformer.infer

    def watched(self, tokens):
        seen.append((id(self), threading.current_thread().name))
        return infer(self, tokens)

    monkeypatch.setattr(TrainableTransformer, "infer", watched)
    with Shards(model, count) as shards:
        loss = evaluate(shards, ids, seq_len=SEQ_LEN)
    assert loss == evaluate(Shards(model, 1), ids, seq_len=SEQ_LEN)
    assert len({who for who, where in seen if where.startswith("shard")}) == count


def test_evaluation_leaves_the_gradients_alone(model):
    before = [parameter.grad.copy() for parameter in model.parameters()]
    evaluate(Shards(model, 1), make_ids(30), seq_len=SEQ_LEN)
    after = [parameter.grad for parameter in model.parameters()]
    assert all(map(np.array_equal, before, after))


@pytest.mark.parametrize("length", [0, 1])
def test_a_split_without_a_target_is_an_error(model, length):
    message = r"^evaluation_batches: the text is too short .* expected at least 2 tokens, got \d"
    with pytest.raises(DataError, match=message):
        evaluate(Shards(model, 1), make_ids(length), seq_len=SEQ_LEN)
