"""First values: normal, reproducible, and alike in every precision."""

import numpy as np
import pytest

import tolerances
from capstone.layers import Embedding, FeedForward, MultiHeadAttention, TransformerBlock
from capstone.layers.initialize import normal

MAKERS = {
    "Embedding": lambda **options: Embedding(7, 6, **options),
    "FeedForward": lambda **options: FeedForward(6, 8, **options),
    "MultiHeadAttention": lambda **options: MultiHeadAttention(6, 3, **options),
    "TransformerBlock": lambda **options: TransformerBlock(6, 3, 8, **options),
}
ALL = pytest.mark.parametrize("make", [pytest.param(m, id=name) for name, m in MAKERS.items()])


def weights(layer):
    return [parameter.data for parameter in layer.parameters()]


def matrices(layer):
    return [data for data in weights(layer) if data.ndim == 2]


@ALL
def test_the_same_seed_gives_the_same_weights(make):
    for one, other in zip(weights(make(seed=3)), weights(make(seed=3)), strict=True):
        np.testing.assert_array_equal(one, other)


@ALL
def test_another_seed_gives_other_weights(make):
    for one, other in zip(matrices(make(seed=3)), matrices(make(seed=4)), strict=True):
        assert (one != other).all()


@ALL
def test_no_two_weights_start_alike(make):
    entries = np.concatenate([data.ravel() for data in matrices(make(dtype=float))])
    assert np.unique(entries).size == entries.size


@ALL
def test_float32_weights_are_the_rounded_float64_ones(make):
    for short, long in zip(weights(make()), weights(make(dtype=np.float64)), strict=True):
        assert (short.dtype, long.dtype) == (np.float32, np.float64)
        np.testing.assert_array_equal(short, long.astype(np.float32))


@ALL
def test_a_generator_goes_on_from_layer_to_layer(make):
    rng = np.random.default_rng(3)
    first, second = matrices(make(seed=rng)), matrices(make(seed=rng))
    np.testing.assert_array_equal(first[0], matrices(make(seed=3))[0])
    assert (first[0] != second[0]).all()


def test_entries_are_normal_with_the_given_deviation():
    data = normal(0, 300, 200, std=0.5, dtype=np.float64).data
    assert abs(data.mean() / 0.5) <= tolerances.SAMPLE_MOMENT
    assert abs(data.std() / 0.5 - 1) <= tolerances.SAMPLE_MOMENT
    assert abs((np.abs(data) < 0.5).mean() - 0.6827) <= tolerances.SAMPLE_MOMENT


def test_a_parameter_starts_with_a_gradient_of_zero():
    parameter = normal(0, 3, 2, std=1.0, dtype=np.float32)
    assert parameter.grad.shape == (3, 2)
    assert parameter.grad.dtype == np.float32
    assert not parameter.grad.any()
