"""Whole models, tied and untied, with and without rotary positions."""

from collections.abc import Callable

import numpy as np
import pytest

import tolerances
from capstone.gradcheck import Report
from capstone.loss import cross_entropy_loss
from capstone.model import TrainableTransformer
from capstone.presets import preset
from cases import MODEL_CASES, Case, params
from gradcheck.rebinding import rebound

Verified = Callable[[Report], Report]
CheckCase = Callable[..., Report]


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_backward(case: Case, verified: Verified, check_case: CheckCase) -> None:
    report = verified(check_case(case, depth="per_entry", method="complex"))
    model = case.layer()
    assert report.compared == sum(parameter.data.size for parameter in model.parameters())
    assert report.norm_error <= tolerances.GRADIENT


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_backward_by_the_ladder(case: Case, check_case: CheckCase) -> None:
    check_case(case, method="ladder", depth="projection")


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_backward_in_float32(case: Case, check_case: CheckCase) -> None:
    check_case(case, dtype=np.float32)


def test_backward_of_the_tiny_preset(gradcheck: CheckCase) -> None:
    model = TrainableTransformer(preset("tiny", vocab_size=65), dtype=np.float64)
    tokens = np.random.default_rng(0).integers(0, 65, (2, 7))
    report = gradcheck(model, tokens, depth="projection", name="tiny")
    assert report.compared == model.count_parameters()


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_backward_of_a_model_that_recomputes(case: Case, gradcheck: CheckCase) -> None:
    model = case.layer()
    assert isinstance(model, TrainableTransformer)
    model.recompute = True
    report = gradcheck(model, *case.inputs(), depth="per_entry", method="complex", name=case.id)
    assert report.compared == model.count_parameters()
    assert report.norm_error <= tolerances.GRADIENT


def test_tied_gradient_is_the_sum_of_both_uses() -> None:
    tied, untied = (
        case for case in MODEL_CASES if case.id.endswith(("L2_tied_rope", "untied_rope"))
    )
    (tokens,) = tied.inputs()
    models = [tied.layer(), untied.layer()]
    for (_, source), (_, target) in zip(
        models[0].named_parameters(), models[1].named_parameters(), strict=False
    ):
        target.data[...] = source.data
    models[1].head.weight.data[...] = models[0].head.weight.data
    for model in models:
        _, grad_logits = cross_entropy_loss(model.forward(tokens), tokens)
        model.backward(grad_logits)
    both = models[1].embedding.weight.grad + models[1].head.weight.grad
    np.testing.assert_allclose(
        models[0].embedding.weight.grad, both, rtol=0, atol=tolerances.SUM_OF_TWO
    )


@pytest.mark.parametrize("case", params(MODEL_CASES))
def test_backward_adds_to_the_array_that_was_there(case: Case) -> None:
    assert rebound(case) == []
