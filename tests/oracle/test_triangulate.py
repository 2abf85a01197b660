"""Triangulation with oracles of PyTorch and JAX."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from capstone import layers, ops
from capstone.gradcheck import Op, check, tap, tap_grad, triangulate
from cases import OP_CASES, params
from oracle.reference_ops import OPS
from unit.gradcheck.localize.gelu import GELU

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 5)) * [[[0.01], [1.0], [3.0]]]
GAIN, BIAS = RNG.standard_normal(5), RNG.standard_normal(5)
LOGITS, TARGETS = RNG.standard_normal((6, 5)), np.array([0, 1, 2, 3, 4, 1])


def layernorm(eps=1e-5, outside=0.0, backward=lambda *grads: grads, output=lambda y: y) -> Op:
    """LayerNorm with its eps inside or outside of the root."""

    def fwd(x, gain, bias):
        centered = x - x.mean(axis=-1, keepdims=True)
        root = np.sqrt((centered * centered).mean(axis=-1, keepdims=True) + eps)
        return output(centered / (root + outside) * gain + bias), (centered, root, gain)

    def bwd(dy, saved):
        centered, root, gain = saved
        dxhat, rstd = dy * gain, 1 / (root + outside)
        xhat = centered * rstd
        through = (dxhat * xhat).mean(axis=-1, keepdims=True) / root
        dx = rstd * (dxhat - dxhat.mean(axis=-1, keepdims=True)) - rstd * centered * through
        return backward(dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1)))

    return Op(fwd, bwd, name="layernorm")


def torch_layernorm(x, gain, bias):
    return F.layer_norm(x, (5,), gain, bias)


def jax_layernorm(x, gain, bias):
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / jnp.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) * gain + bias


NORMS = {
    "right": (layernorm(), "agree", "everything agrees"),
    "wrong backward": (
        layernorm(backward=lambda dx, dgain, dbias: (dx, dgain / 2, dbias)),
        "backward",
        "and stands alone",
    ),
    "wrong forward": (layernorm(output=np.sin), "forward", "right for the oracle's forward"),
    "larger eps": (layernorm(eps=1e-3), "convention", "an eps of another size or in another place"),
    "eps outside": (layernorm(eps=0.0, outside=1e-5), "convention", "an eps outside of the root"),
}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("oracle", [torch_layernorm, jax_layernorm])
def test_layer_norm(name: str, oracle) -> None:
    subject, verdict, words = NORMS[name]
    found = triangulate(subject, X, GAIN, BIAS, oracle=oracle)
    assert (found.verdict, words in found.text) == (verdict, True), str(found)


@pytest.mark.parametrize(
    ("oracle", "words"),
    [
        (F.gelu, "yours is GELU by tanh, the oracle's is GELU by erf"),
        (torch.nn.GELU(), "yours is GELU by tanh, the oracle's is GELU by erf"),
        (torch.nn.GELU(approximate="tanh"), "everything agrees"),
        (jax.nn.gelu, "everything agrees"),
        (lambda x: jax.nn.gelu(x, approximate=False), "the oracle's is GELU by erf"),
        (F.silu, "yours is GELU by tanh, the oracle's is SiLU"),
    ],
)
def test_gelu(oracle, words: str) -> None:
    assert words in triangulate(GELU, X, oracle=oracle).text


@pytest.mark.parametrize(
    ("reduction", "words"),
    [
        ("mean", "everything agrees"),
        ("sum", "your output is 0.166667 x the oracle's (1/6: a mean against a sum?)"),
        ("none", "your output is the mean of the oracle's"),
    ],
)
def test_cross_entropy(reduction: str, words: str) -> None:
    subject = Op(ops.cross_entropy_fwd, ops.cross_entropy_bwd)

    def oracle(logits, targets):
        return F.cross_entropy(logits, targets, reduction=reduction)

    assert words in triangulate(subject, LOGITS, TARGETS, oracle=oracle).text


@pytest.mark.parametrize("case", params(OP_CASES))
def test_every_op_agrees_with_pytorch(case) -> None:
    options = {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in case.options.items()
    }
    oracle = partial(OPS[case.subject], **options)
    found = triangulate(Op(*case.passes(), options=case.options), *case.inputs(), oracle=oracle)
    assert found.verdict == "agree", str(found)


class Wrong(torch.autograd.Function):
    """The sine, with a backward pass that forgets the cosine."""

    @staticmethod
    def forward(ctx, x):
        return x.sin()

    @staticmethod
    def backward(ctx, dy):
        return dy.clone()


def test_a_wrong_gradient_of_the_oracle_is_its_own_fault() -> None:
    sine = Op(lambda x: (np.sin(x), x), lambda dy, x: dy * np.cos(x))
    assert triangulate(sine, X, oracle=Wrong).verdict == "oracle"


def test_the_oracle_may_be_given_tensors() -> None:
    norm, own = layers.RMSNorm(5, dtype=np.float64), torch.tensor(X, requires_grad=True)
    module = torch.nn.RMSNorm(5, eps=1e-5, dtype=torch.float64)
    assert triangulate(norm, X, oracle=module, oracle_inputs=[own]).verdict == "agree"


def test_single_precision_is_compared_in_double() -> None:
    arrays = [array.astype(np.float32) for array in (X, GAIN, BIAS)]
    assert triangulate(layernorm(), *arrays, oracle=torch_layernorm).ok


def test_taps_let_autograd_through() -> None:
    x = torch.tensor(X, requires_grad=True)
    tap("x", tap_grad("x", x)).sum().backward()
    np.testing.assert_array_equal(x.grad, 1)


class Tapped(Wrong):
    """Wrong, with taps."""

    @staticmethod
    def forward(ctx, x):
        return tap("y", x.sin())

    @staticmethod
    def backward(ctx, dy):
        return tap_grad("y", dy).clone()


def test_taps_of_tensors_are_said_not_to_be_measured() -> None:
    words = 'taps: tap("y") is given no floating-point array of NumPy, and is not measured'
    assert check(Tapped, torch.tensor(X)).located == [words]


@jax.custom_vjp
def tapped_sine(x):
    return tap("y", jnp.sin(x))


tapped_sine.defvjp(lambda x: (tapped_sine(x), x), lambda x, dy: (2 * tap_grad("y", dy),))


def test_taps_of_traced_arrays_do_no_harm() -> None:
    report = check(tapped_sine, jnp.asarray(X))
    assert report.wrong_arguments == ["x"]
    assert report.located[0].startswith('taps: tap("y") is given no floating-point array of NumPy')
