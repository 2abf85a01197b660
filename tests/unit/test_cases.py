"""The case table: reproducible, and designed so that a wrong gradient shows."""

import numpy as np
import pytest

from capstone.cases import HIDDEN
from capstone.model import TrainableTransformer
from capstone.ops import rmsnorm
from cases import CASES, LAYER_CASES, MODEL_CASES, OP_CASES, params

ALL = pytest.mark.parametrize("case", params(CASES))
WITH_LAYERS = pytest.mark.parametrize("case", params([*LAYER_CASES, *MODEL_CASES]))
TOKENS = [case for case in CASES if case.inputs()[0].dtype.kind == "i"]


def test_ids_and_seeds_differ():
    assert len({case.id for case in CASES}) == len({case.seed for case in CASES}) == len(CASES)


def test_an_id_is_subject_and_variant():
    assert OP_CASES[0].id == "linear-B2_T3_D5_F7"


@pytest.mark.parametrize(
    ("cases", "kind"), [(OP_CASES, "op"), (LAYER_CASES, "layer"), (MODEL_CASES, "model")]
)
def test_every_case_stands_in_the_list_of_its_kind(cases, kind):
    assert {case.kind for case in cases} == {kind}


@ALL
def test_inputs_are_the_same_every_time_and_never_shared(case):
    for one, other in zip(case.inputs(), case.inputs(), strict=True):
        np.testing.assert_array_equal(one, other)
        assert not np.shares_memory(one, other)


@ALL
def test_the_dtype_is_that_of_the_numbers_not_of_the_ids(case):
    for short, long in zip(case.inputs(np.float32), case.inputs(), strict=True):
        if long.dtype.kind == "i":
            assert short.dtype == long.dtype
        else:
            assert (short.dtype, long.dtype) == (np.float32, np.float64)


@ALL
def test_axes_have_different_sizes_so_that_a_transpose_shows(case):
    shape = case.inputs()[0].shape
    assert len(set(shape)) == len(shape)


@ALL
def test_the_variant_names_the_sizes_of_the_first_input(case):
    sizes = [part.lstrip("BTDHFVKNqL") for part in case.variant.split("_")]
    assert {str(size) for size in case.inputs()[0].shape} <= set(sizes)


@ALL
def test_every_input_is_finite_and_has_both_signs(case):
    for value in case.inputs():
        if value.dtype.kind == "f":
            assert np.isfinite(value).all()
            assert value.min() < 0 < value.max()


@pytest.mark.parametrize("case", params(TOKENS))
def test_some_tokens_repeat_and_some_are_absent(case):
    tokens = case.inputs()[0]
    V = case.options.get("vocab_size") or case.inputs()[1].shape[0]
    assert np.unique(tokens).size < min(tokens.size, V)
    assert {0, V - 1} <= set(tokens.ravel().tolist())


@pytest.mark.parametrize(
    "case", params(case for case in OP_CASES if "ignore_index" in case.options)
)
def test_some_targets_are_ignored_and_some_are_not(case):
    is_ignored = case.inputs()[1] == case.options["ignore_index"]
    assert is_ignored.any()
    assert not is_ignored.all()


def test_a_mask_hides_something_of_a_row_a_whole_row_and_nothing():
    hidden_in_row = HIDDEN.sum(axis=-1).tolist()
    assert hidden_in_row == [2, 5, 0]


@WITH_LAYERS
def test_no_parameter_keeps_its_first_value(case):
    for parameter in case.layer().parameters():
        assert np.abs(parameter.data).max() > 0.2
        assert parameter.data.min() < 0 < parameter.data.max()
        assert (parameter.data != 1).all()


@WITH_LAYERS
def test_layers_are_alike_every_time_and_never_shared(case):
    for one, other in zip(case.layer().parameters(), case.layer().parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)
        assert not np.shares_memory(one.data, other.data)


@WITH_LAYERS
def test_layers_have_the_dtype_asked_for(case):
    assert {p.data.dtype for p in case.layer(np.float32).parameters()} == {np.dtype(np.float32)}


@WITH_LAYERS
def test_a_layer_is_of_the_class_named(case):
    assert type(case.layer()).__name__ == case.subject


def test_models_are_tied_and_untied_with_and_without_positions():
    models = [case.layer() for case in MODEL_CASES]
    assert all(type(model) is TrainableTransformer for model in models)
    options = {(model.config.tied, model.config.positions) for model in models}
    assert options == {(True, "rope"), (True, "none"), (False, "rope"), (False, "none")}


def test_passes_are_looked_up_anew_each_time(monkeypatch):
    case = next(case for case in OP_CASES if case.subject == "rmsnorm")
    assert case.passes() == (rmsnorm.rmsnorm_fwd, rmsnorm.rmsnorm_bwd)
    monkeypatch.setattr(rmsnorm, "rmsnorm_bwd", len)
    assert case.passes() == (rmsnorm.rmsnorm_fwd, len)


@pytest.mark.parametrize("case", params(case for case in OP_CASES if "z_loss" in case.options))
def test_log_sum_exps_have_both_signs_where_their_squares_count(case):
    logits, targets = case.inputs()
    lse = np.log(np.exp(logits).sum(axis=-1))[targets >= 0]
    assert lse.min() < -1
    assert lse.max() > 1


@pytest.mark.parametrize("op", sorted({case.subject for case in OP_CASES}))
def test_every_op_has_a_case_without_a_batch(op):
    ndims = {case.inputs()[0].ndim for case in OP_CASES if case.subject == op}
    assert len(ndims) > 1


def test_models_have_one_block_or_two():
    assert {len(case.layer().blocks) for case in MODEL_CASES} == {1, 2}
