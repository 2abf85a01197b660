"""Run a layer and its PyTorch module on the same numbers."""

import numpy as np
import torch
from torch import nn

from capstone._typing import Array
from capstone.case import Case
from capstone.inputs import signed
from oracle.reference_layers import counterparts, load

Pairs = dict[str, tuple[Array, Array]]


def output_pair(case: Case, module: nn.Module) -> Pairs:
    """The outputs for the same inputs and parameters."""
    layer = case.layer()
    load(module, layer)
    (x,) = case.inputs()
    return {"y": (layer.forward(x), module(torch.tensor(x)).detach().numpy())}


def gradient_pairs(case: Case, module: nn.Module) -> Pairs:
    """The gradients of the input (unless it is tokens) and of every parameter."""
    layer = case.layer()
    load(module, layer)
    (x,) = case.inputs()
    y = layer.forward(x)
    dy = signed(np.random.default_rng(case.seed + 2), *y.shape)
    dx = layer.backward(dy)

    leaf = torch.tensor(x)
    leaf.requires_grad_(leaf.is_floating_point())
    module(leaf).backward(torch.tensor(dy))
    pairs = {} if dx is None else {"d(x)": (dx, leaf.grad.numpy())}
    ours = dict(layer.named_parameters())
    for name, weight, is_transposed in counterparts(module):
        theirs = weight.grad.T if is_transposed else weight.grad
        pairs[f"d({name})"] = ours[name].grad, theirs.numpy()
    return pairs
