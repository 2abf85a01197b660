"""The whole model: sizes, memory, causality, its first loss, and what it refuses."""

import copy
import math
import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tolerances
from capstone.errors import BackwardOrderError, UsageError
from capstone.loss import cross_entropy_loss
from capstone.model import INITIAL_STD, ModelConfig, TrainableTransformer
from cases import MODEL_CASES, params
from strategies import cuts, generators
from unit.closeness import distance

SMALL = ModelConfig(11, seq_len=6, d_model=12, n_layers=2, n_heads=3, d_ff=7)
BLOCK = (
    "attention_norm.gain",
    "attention.wqkv",
    "attention.wo",
    "feed_forward_norm.gain",
    "feed_forward.w_gate",
    "feed_forward.w_up",
    "feed_forward.w_down",
)
choices = st.sampled_from(["rope", "none"])


@pytest.fixture
def model():
    """Small, in float64, with weights large enough for every part to matter."""
    return MODEL_CASES[0].layer()


def make_model(rng, positions, *, tied=True):
    config = replace(SMALL, positions=positions, tied=tied)
    model = TrainableTransformer(config, dtype=float)
    for parameter in model.parameters():
        parameter.data[...] = rng.standard_normal(parameter.data.shape) / 2
    return model


def draw_tokens(rng, *shape):
    return rng.integers(0, SMALL.vocab_size, shape)


def addresses(arrays):
    """Where each array starts and ends."""
    starts = [array.__array_interface__["data"][0] for array in arrays]
    return [(start, start + array.nbytes) for start, array in zip(starts, arrays, strict=True)]


# Parameters


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted(tied):
    V, D, F, L = 11, 12, 7, 2
    model = TrainableTransformer(replace(SMALL, tied=tied))
    blocks = L * (4 * D * D + 3 * D * F + 2 * D)
    assert model.count_parameters() == (1 if tied else 2) * V * D + blocks + D


def test_parameters_come_in_the_order_of_the_forward_pass():
    model = TrainableTransformer(replace(SMALL, tied=False))
    blocks = [f"blocks.{index}.{name}" for index in range(2) for name in BLOCK]
    names = [name for name, _ in model.named_parameters()]
    assert names == ["embedding.weight", *blocks, "norm.gain", "head.weight"]


def test_a_tied_table_comes_once_under_its_first_name(model):
    names = [name for name, _ in model.named_parameters()]
    assert "embedding.weight" in names
    assert "head.weight" not in names
    assert model.head.weight is model.embedding.weight


def test_parameters_know_their_names(model):
    assert all(parameter.name == name for name, parameter in model.named_parameters())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("attribute", ["data", "grad"])
def test_parameters_lie_in_one_piece_with_the_matrices_first(tied, attribute):
    model = TrainableTransformer(replace(SMALL, tied=tied))
    ordered = sorted(model.parameters(), key=lambda parameter: parameter.data.ndim < 2)
    places = addresses([getattr(parameter, attribute) for parameter in ordered])
    assert all(end == start for (_, end), (start, _) in pairwise(places))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_gradients_and_logits_have_the_dtype_asked_for(dtype):
    model = TrainableTransformer(SMALL, dtype=dtype)
    logits = model.forward(np.array([[1, 2]]))
    model.backward(np.ones_like(logits))
    arrays = [logits, *(a for p in model.parameters() for a in (p.data, p.grad))]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_float32_is_the_default():
    assert TrainableTransformer(SMALL).embedding.weight.data.dtype == np.float32


def test_float32_and_float64_start_alike():
    short, long = TrainableTransformer(SMALL), TrainableTransformer(SMALL, dtype=float)
    for one, other in zip(short.parameters(), long.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data.astype(np.float32))


def test_the_seed_decides_the_weights():
    first, same, other = (TrainableTransformer(SMALL, seed=seed) for seed in (5, 5, 6))
    for a, b, c in zip(first.parameters(), same.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        assert a.data.ndim == 1 or (a.data != c.data).all()


def test_no_two_matrices_start_alike():
    matrices = [p.data for p in TrainableTransformer(SMALL).parameters() if p.data.ndim == 2]
    entries = np.concatenate([matrix.ravel() for matrix in matrices])
    assert np.unique(entries).size > entries.size - 3  # two float32 draws may coincide


def test_weights_that_write_into_the_stream_start_smaller_the_deeper_the_model():
    model = TrainableTransformer(ModelConfig(300, d_model=240, n_layers=8, n_heads=4, tied=False))
    for name, parameter in model.named_parameters():
        if parameter.data.ndim == 2:
            std = INITIAL_STD / (4 if name.endswith(("wo", "w_down")) else 1)  # sqrt(2 * 8)
            assert abs(parameter.data.std() / std - 1) <= tolerances.SAMPLE_MOMENT, name


# Forward and backward


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("positions", ["rope", "none"])
def test_the_first_loss_is_that_of_a_uniform_guess(tied, positions):
    config = ModelConfig(65, d_model=32, n_layers=2, tied=tied, positions=positions)
    model, rng = TrainableTransformer(config), np.random.default_rng(0)
    tokens, targets = rng.integers(0, 65, (2, 8, 16))
    loss, _ = cross_entropy_loss(model.forward(tokens), targets)
    assert abs(loss - math.log(65)) <= tolerances.UNIFORM_GUESS


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_leading_axes_are_kept(model, lead):
    tokens = draw_tokens(np.random.default_rng(0), *lead, 5)
    assert model.forward(tokens).shape == (*lead, 5, 11)


@settings(max_examples=30)
@given(generators, cuts(), choices)
def test_later_tokens_leave_earlier_logits_alone_bit_for_bit(rng, drawn, positions):
    T, cut = drawn
    model, tokens = make_model(rng, positions), draw_tokens(rng, 2, T)
    logits = model.forward(tokens)
    tokens[:, cut:] = (tokens[:, cut:] + rng.integers(1, 11)) % 11
    changed = model.forward(tokens)
    np.testing.assert_array_equal(changed[:, :cut], logits[:, :cut])
    assert (changed[:, cut:] != logits[:, cut:]).any()


@settings(max_examples=30)
@given(generators, cuts(), choices)
def test_a_loss_on_earlier_positions_teaches_nothing_about_later_tokens(rng, drawn, positions):
    T, cut = drawn
    model = make_model(rng, positions, tied=False)
    tokens = np.full((2, T), 7)
    tokens[:, :cut] = 3
    grad_logits = rng.standard_normal((2, T, 11))
    grad_logits[:, cut:] = 0
    model.forward(tokens)
    model.backward(grad_logits)
    assert model.embedding.weight.grad[3].any()
    assert not model.embedding.weight.grad[7].any()


@settings(max_examples=30)
@given(generators, cuts(), choices)
def test_a_prefix_alone_gives_the_logits_of_the_prefix(rng, drawn, positions):
    T, cut = drawn
    model, tokens = make_model(rng, positions), draw_tokens(rng, 2, T)
    whole = model.forward(tokens)[:, :cut]
    assert distance(model.forward(tokens[:, :cut]), whole) <= tolerances.PREFIX


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_every_parameter_learns(case):
    model = case.layer()
    logits = model.forward(*case.inputs())
    model.backward(np.random.default_rng(0).standard_normal(logits.shape))
    assert all(parameter.grad.any() for parameter in model.parameters())


def test_gradients_add_up_over_two_passes(model):
    tokens = draw_tokens(np.random.default_rng(0), 2, 5)
    grad_logits = np.random.default_rng(1).standard_normal((2, 5, 11))
    grads = []
    for _ in range(2):
        model.forward(tokens)
        assert model.backward(grad_logits) is None
        grads.append([parameter.grad.copy() for parameter in model.parameters()])
    for first, both in zip(*grads, strict=True):
        assert distance(both, 2 * first) <= tolerances.OTHER_ORDER


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_recomputation_gives_the_same_bits(case, dtype):
    model, (tokens,) = case.layer(dtype), case.inputs()
    found = []
    for model.recompute in (False, True):
        model.zero_grad()
        logits = model.forward(tokens)
        model.backward(np.cos(logits))
        found.append((logits, model.flat.grad.copy()))
    for kept, recomputed in zip(*found, strict=True):
        assert recomputed.dtype == dtype
        np.testing.assert_array_equal(recomputed, kept)


def test_recomputing_is_a_matter_of_all_blocks(model):
    assert not model.recompute
    model.recompute = True
    assert [block.recompute for block in model.blocks] == [True, True]
    assert copy.deepcopy(model).recompute
    model.blocks[0].recompute = False
    assert not model.recompute


def test_zeroed_gradients_stay_in_their_arrays(model):
    grads = [parameter.grad for parameter in model.parameters()]
    logits = model.forward(np.array([[1, 2]]))
    model.backward(np.ones_like(logits))
    model.zero_grad()
    assert all(p.grad is grad for p, grad in zip(model.parameters(), grads, strict=True))
    assert not any(grad.any() for grad in grads)


def test_backward_without_forward_raises(model):
    message = r"^Head\.backward: each backward needs a forward of its own before it: "
    with pytest.raises(BackwardOrderError, match=message):
        model.backward(np.ones((1, 2, 11)))


def test_second_backward_raises(model):
    logits = model.forward(np.array([[1, 2]]))
    model.backward(logits)
    with pytest.raises(BackwardOrderError, match=r"got none since the last backward$"):
        model.backward(logits)


# Copies


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_computes_the_same_and_stays_tied(model, duplicate):
    tokens = np.array([[1, 2, 3]])
    twin = duplicate(model)
    np.testing.assert_array_equal(twin.forward(tokens), model.forward(tokens))
    assert twin.head.weight is twin.embedding.weight


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_learns_on_its_own(model, duplicate):
    twin = duplicate(model)
    before = [parameter.data.copy() for parameter in model.parameters()]
    logits = twin.forward(np.array([[1, 2, 3]]))
    twin.backward(np.ones_like(logits))
    for parameter in twin.parameters():
        parameter.data -= 1
    for parameter, data in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.data, data)
        assert not parameter.grad.any()


# What is refused


@pytest.mark.parametrize("token", [-1, 11])
def test_a_token_out_of_range_is_named(model, token):
    message = (
        r"^TrainableTransformer\.forward: tokens out of range: "
        rf"expected 0 <= id < 11, got {token}$"
    )
    with pytest.raises(UsageError, match=message):
        model.forward(np.array([[0, token]]))


@pytest.mark.parametrize(("tokens", "got"), [(np.ones((1, 2)), "float64"), ([1, 2], "list")])
def test_tokens_that_are_no_integer_array_are_rejected(model, tokens, got):
    message = (
        r"^TrainableTransformer\.forward: tokens must be an integer array: "
        rf"expected an integer dtype, got {got}$"
    )
    with pytest.raises(UsageError, match=message):
        model.forward(tokens)


@pytest.mark.parametrize("T", [0, 7])
def test_a_context_of_a_wrong_length_is_named(model, T):
    message = (
        r"^TrainableTransformer\.forward: the context must hold between one token and seq_len "
        rf"tokens: expected 1 <= T <= 6, got T = {T}$"
    )
    with pytest.raises(UsageError, match=message):
        model.forward(np.zeros((1, T), int))
