"""What a caller can get wrong with ops, layers and models: one clear line each, no NumPy error."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from capstone import layers, ops
from capstone.errors import ConfigError, UsageError
from capstone.loss import cross_entropy_loss
from capstone.model import ModelConfig, TrainableTransformer
from capstone.presets import preset

X = np.ones((2, 3, 4))
WEIGHTS = [np.ones((4, 12)), np.ones((4, 4))]
CONFIG = ModelConfig(5, seq_len=4, d_model=4, n_layers=1, n_heads=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ops.linear_fwd(X, np.ones(4)),
            r"linear_fwd: weight must have at least 2 axes: expected \(..., D, F\), "
            r"got shape \(4,\)",
        ),
        (
            lambda: ops.linear_fwd(X, np.ones((4, 5)), np.ones(5, int)),
            "linear_fwd: bias must be a floating-point array: "
            "expected a float or complex dtype, got int64",
        ),
        (
            lambda: ops.embedding_fwd(np.array([0]), np.ones(4)),
            r"embedding_fwd: weight must have at least 2 axes: expected \(..., V, D\)",
        ),
        (
            lambda: ops.rope_fwd(np.ones(4)),
            r"rope_fwd: x must have at least 2 axes: expected \(..., T, K\), got shape \(4,\)",
        ),
        (
            lambda: ops.dot_product_attention_fwd(X, X, np.ones(4)),
            r"dot_product_attention_fwd: v must have at least 2 axes: expected \(..., T, K\)",
        ),
        (
            lambda: ops.attention_fwd(np.ones(4), *WEIGHTS, n_heads=2),
            r"attention_fwd: x must have at least 2 axes: expected \(..., T, D\)",
        ),
        (
            lambda: ops.attention_fwd(X, *WEIGHTS, n_heads=0),
            "attention_fwd: n_heads must be a positive integer: expected n_heads >= 1, got 0",
        ),
        (
            lambda: ops.attention_fwd(X, WEIGHTS[0], np.ones((4, 5)), n_heads=2),
            r"attention_fwd: wo has the wrong shape: expected \(..., 4, 4\), got \(4, 5\)",
        ),
        (
            lambda: ops.attention_fwd(X, np.ones((4, 6)), WEIGHTS[1], n_heads=2),
            r"attention_fwd: wqkv has the wrong shape: expected \(..., 4, 12\), got \(4, 6\)",
        ),
        (
            lambda: ops.rmsnorm_fwd(X, np.ones(4), eps=-1.0),
            r"rmsnorm_fwd: eps must lie in \[0, inf\]: expected 0 <= eps <= inf, got -1.0",
        ),
        (
            lambda: ops.rope_fwd(X, base=0.0),
            "rope_fwd: base must be positive: expected base > 0, got 0.0",
        ),
        (
            lambda: ops.rope_fwd(X, base=-1.0),
            "rope_fwd: base must be positive: expected base > 0, got -1.0",
        ),
        (
            lambda: ops.softmax_fwd(X, hidden=np.zeros(4, int)),
            "softmax_fwd: hidden must be boolean: "
            "expected True where an entry takes no part, got int64",
        ),
        (
            lambda: ops.linear_fwd(X.astype(np.float32), np.ones((4, 5))),
            "linear_fwd: all arrays must have one precision: "
            "expected one dtype, got x of float32 with weight of float64",
        ),
        (
            lambda: ops.linear_fwd(X, np.ones((4, 5)), np.ones(5, np.float32)),
            "linear_fwd: all arrays must have one precision: "
            "expected one dtype, got x of float64 with bias of float32",
        ),
        (
            lambda: ops.dot_product_attention_fwd(X, X.astype(np.float32), X.astype(int)),
            "dot_product_attention_fwd: v must be a floating-point array: "
            "expected a float or complex dtype, got int64",
        ),
        (
            lambda: ops.rmsnorm_fwd(X.astype(np.complex64), np.ones(4)),
            "rmsnorm_fwd: all arrays must have one precision: "
            "expected one dtype, got x of complex64 with gain of float64",
        ),
        (
            lambda: cross_entropy_loss(X, np.zeros(3, int)),
            r"cross_entropy_loss: targets must have the shape of logits without the last axis: "
            r"expected \(2, 3\), got \(3,\)",
        ),
        (
            lambda: layers.Embedding(3, 2, seed=-1),
            "initial weights: seed must .* got -1",
        ),
        (
            lambda: TrainableTransformer(CONFIG, seed=-1),
            "initial weights: seed must .* got -1",
        ),
        (
            lambda: layers.Embedding(3, 2, std=-1.0),
            r"initial weights: std must lie in \[0, inf\]: expected 0 <= std <= inf, got -1.0",
        ),
        (
            lambda: layers.Embedding(3, 2, dtype=int),
            "initial weights: dtype must be of real floating-point numbers: "
            "expected float32 or float64, got int64",
        ),
        (
            lambda: TrainableTransformer(CONFIG).forward(np.array(1)),
            r"TrainableTransformer.forward: tokens must have at least 1 axes: expected \(..., T\)",
        ),
    ],
)
def test_misuse_is_one_clear_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_unknown_option_of_a_preset_is_named() -> None:
    with pytest.raises(ConfigError, match=r"preset: unknown option: expected one of .*, got 'foo'"):
        preset("tiny", vocab_size=3, foo=3)


def test_upstream_of_another_shape_is_refused_and_the_forward_is_kept() -> None:
    layer = layers.RMSNorm(4, dtype=float)
    layer.forward(X)
    message = (
        r"RMSNorm.backward: grad_output must have the shape of the output: "
        r"expected \(2, 3, 4\), got \(3, 4\)"
    )
    with pytest.raises(UsageError, match=message):
        layer.backward(X[0])
    assert layer.backward(X).shape == X.shape


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_model_lies_in_one_array_and_stays_tied(copied: Callable[[Any], Any]) -> None:
    model = copied(TrainableTransformer(CONFIG))
    bases = {id(parameter.data.base) for parameter in model.parameters()}
    assert len(bases) == 1
    assert model.head.weight is model.embedding.weight
