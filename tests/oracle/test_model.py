"""Logits and gradients of the whole model against PyTorch's, in float64."""

import pytest

from capstone.model import ModelConfig
from cases import MODEL_CASES, params
from oracle.compare_modules import gradient_pairs, output_pair
from oracle.reference_model import Transformer


def make_module(case):
    return Transformer(ModelConfig(**case.options))


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_logits_equal_pytorch(case, assert_agree):
    assert_agree(output_pair(case, make_module(case)))


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_gradients_equal_pytorch(case, assert_agree):
    assert_agree(gradient_pairs(case, make_module(case)))
