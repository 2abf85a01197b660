"""Tensors and arrays of JAX in capsules, in the shrinker, in tests to be copied and in commands."""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from capstone.cli import main
from capstone.gradcheck import load_capsule, make_test, save_capsule, shrink
from capstone.gradcheck.subjects.stored import store

SOURCE = """
import jax
import jax.numpy as jnp
import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return 3 * dy * x * w, (dy * x * x).sum(0)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 5)

    def forward(self, x):
        return Square.apply(self.linear(x), torch.ones(5, dtype=x.dtype))


@jax.custom_vjp
def sine(x):
    return jnp.sin(x)


sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (2 * dy * jnp.cos(x),))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module with wrong gradients, in the current folder."""
    (tmp_path / "foreign.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield importlib.import_module("foreign")
    del sys.modules["foreign"]


TENSORS = [
    torch.ones(2, 3, dtype=torch.float64),
    torch.ones(2, dtype=torch.float32, requires_grad=True),
    torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    torch.tensor([[1, 2]]),
    torch.tensor([True, False]),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: str(tensor.dtype))
def test_a_tensor_comes_back(tensor):
    back = store(tensor).restore()
    assert (back.dtype, back.requires_grad) == (tensor.dtype, tensor.requires_grad)
    assert torch.equal(back, tensor)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
def test_an_array_of_jax_comes_back(dtype):
    array = jnp.array([1, 0], dtype=dtype)
    back = store(array).restore()
    assert isinstance(back, jax.Array)
    assert back.dtype == array.dtype
    assert (back == array).all()


def test_double_precision_comes_back_where_jax_is_set_to_single():
    with jax.enable_x64(True):
        array = jnp.array([0.1])
    assert store(array).restore().dtype == np.float64


def subjects(module):
    return {
        "function": (module.Square, [torch.randn(2, 3), torch.randn(3)]),
        "module": (module.Net(), [torch.randn(2, 3)]),
        "jax": (module.sine, [jnp.array([[0.5, 1.0]])]),
    }


@pytest.mark.parametrize("name", ["function", "module", "jax"])
def test_a_capsule_replays_and_gives_a_test(module, name):
    subject, inputs = subjects(module)[name]
    small = shrink(subject, *inputs)
    assert sum(array.size for array in map(np.asarray, map(store_array, small.inputs))) <= 4
    save_capsule("kept.npz", subject, *small.inputs, **small.options)
    capsule = load_capsule("kept.npz")
    assert capsule.replay().wrong_arguments == small.report.wrong_arguments
    names = {}
    exec(make_test(capsule), names)
    (test,) = [thing for key, thing in names.items() if key.startswith("test_")]
    with pytest.raises(AssertionError, match=r"d\(x\)"):
        test()


def store_array(thing):
    return store(thing).array


@pytest.mark.parametrize(
    "words",
    [
        ["foreign:Square", "--input", "2,3", "--input", "3", "--library", "torch"],
        ["foreign:Net", "--input", "2,3", "--library", "torch", "--dtype", "float32"],
        ["foreign:sine", "--input", "2,3", "--library", "jax"],
        ["foreign:sine", "--input", "2,3", "--library", "jax", "--dtype", "bfloat16"],
    ],
)
def test_the_command_checks_and_replays(module, capsys, words):
    assert main(["gradcheck", *words, "--capsule", "kept.npz"]) == 1
    assert "d(x)" in capsys.readouterr().out
    assert main(["gradcheck", "--replay", "kept.npz"]) == 1
