"""Forward and gradients of every layer against PyTorch's modules, in float64."""

import pytest

from capstone import layers
from cases import LAYER_CASES, params
from oracle.compare_modules import gradient_pairs, output_pair
from oracle.reference_layers import LAYERS


def make_module(case):
    return LAYERS[case.subject](**case.options)


def test_every_layer_has_a_reference():
    names = set(layers.__all__) - {"Layer"}
    assert names == {case.subject for case in LAYER_CASES} == LAYERS.keys()


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_output_equals_pytorch(case, assert_agree):
    assert_agree(output_pair(case, make_module(case)))


@pytest.mark.parametrize("case", params(LAYER_CASES))
def test_gradients_equal_pytorch(case, assert_agree):
    assert_agree(gradient_pairs(case, make_module(case)))
