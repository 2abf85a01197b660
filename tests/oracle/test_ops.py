"""Forward and gradients of every op against PyTorch's, in float64."""

import inspect

import numpy as np
import pytest
import torch

from capstone import ops
from capstone.inputs import signed
from cases import OP_CASES, params
from oracle.reference_ops import OPS


def make_leaves(inputs):
    """The arrays as tensors; those of floating-point numbers collect gradients."""
    leaves = [torch.tensor(array) for array in inputs]
    return [leaf.requires_grad_(leaf.is_floating_point()) for leaf in leaves]


def run_reference(case, leaves):
    options = {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in case.options.items()
    }
    return OPS[case.subject](*leaves, **options)


def test_every_op_has_a_reference():
    names = {name.rsplit("_", 1)[0] for name in ops.__all__}
    assert names == {case.subject for case in OP_CASES} == OPS.keys()


@pytest.mark.parametrize("case", params(OP_CASES))
def test_output_equals_pytorch(case, assert_agree):
    forward, _ = case.passes()
    y, _ = forward(*case.inputs(), **case.options)
    theirs = run_reference(case, make_leaves(case.inputs()))
    assert_agree({"y": (y, theirs.detach().numpy())})


@pytest.mark.parametrize("case", params(OP_CASES))
def test_gradients_equal_pytorch(case, assert_agree):
    forward, backward = case.passes()
    y, saved = forward(*case.inputs(), **case.options)
    dy = signed(np.random.default_rng(case.seed + 2), *y.shape)
    grads = backward(dy, saved)

    leaves = make_leaves(case.inputs())
    run_reference(case, leaves).backward(torch.tensor(dy))
    named = zip(inspect.signature(forward).parameters, leaves, strict=False)
    theirs = {f"d({name})": leaf.grad.numpy() for name, leaf in named if leaf.requires_grad}
    assert_agree(dict(zip(theirs, zip(grads, theirs.values(), strict=True), strict=True)))


def test_row_hidden_altogether_is_zero_where_pytorch_gives_nan():
    x = np.array([[0.5, -1.0, 2.0]])
    hidden = np.ones((1, 3), bool)
    ours, saved = ops.softmax_fwd(x, hidden=hidden)
    (dx,) = ops.softmax_bwd(np.ones_like(x), saved)
    theirs = torch.tensor(x).masked_fill(torch.tensor(hidden), -torch.inf).softmax(dim=-1)
    assert not ours.any()
    assert not dx.any()
    assert theirs.isnan().all()


def test_loss_without_a_valid_target_is_zero_where_pytorch_gives_nan():
    logits, targets = np.array([[0.5, -1.0, 2.0]]), np.array([-1])
    ours, saved = ops.cross_entropy_fwd(logits, targets, ignore_index=-1)
    (dlogits,) = ops.cross_entropy_bwd(np.ones(()), saved)
    theirs = OPS["cross_entropy"](torch.tensor(logits), torch.tensor(targets), ignore_index=-1)
    assert ours == 0
    assert not dlogits.any()
    assert theirs.isnan()
