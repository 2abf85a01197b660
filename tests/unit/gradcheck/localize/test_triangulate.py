"""Which of two forward passes and two gradients stands alone, with oracles in NumPy."""

import json

import numpy as np
import pytest

from capstone import ops
from capstone.errors import UsageError
from capstone.gradcheck import Op, Triangulation, triangulate
from unit.gradcheck.localize.gelu import GELU, gelu_fwd
from unit.gradcheck.samples import Affine, draw

X, GAIN = draw(2, 3, 5) * [[[0.01], [1.0], [3.0]]], draw(5, seed=1)
LOGITS, TARGETS = draw(6, 5), np.array([0, 1, 2, 3, 4, 1])


def pair(forward, backward, name="sin") -> Op:
    return Op(lambda x: (forward(x), x), backward, name=name)


SIN = pair(np.sin, lambda dy, x: dy * np.cos(x))
WRONG = pair(np.sin, lambda dy, x: 2 * dy * np.cos(x))
CONSISTENT = pair(lambda x: np.sin(x) * x, lambda dy, x: dy * (np.cos(x) * x + np.sin(x)))
WRONG_FORWARD = pair(np.cos, lambda dy, x: dy * np.cos(x))
NONSENSE = pair(np.exp, lambda dy, x: dy * x)

VERDICTS = {
    "agree": (SIN, np.sin, "everything agrees"),
    "backward": (WRONG, np.sin, "the backward is wrong, and stands alone"),
    "consistent forward": (
        CONSISTENT,
        np.sin,
        "the forward is wrong: the backward is consistent with it, the oracle is not",
    ),
    "forward alone": (
        WRONG_FORWARD,
        np.sin,
        "the forward is wrong: the backward is right for the oracle's forward, not for yours",
    ),
    "both": (NONSENSE, np.sin, "forward and backward are both wrong"),
    "oracle": (
        SIN,
        WRONG,
        "the oracle's own gradient is wrong: it disagrees with differences of the oracle's forward",
    ),
    "oracle with a gradient": (SIN, SIN, "everything agrees"),
    "backward, oracle with a gradient": (WRONG, SIN, "the backward is wrong, and stands alone"),
    "forward alone, oracle with a gradient": (
        WRONG_FORWARD,
        SIN,
        "the forward is wrong: the backward is right for the oracle's forward, not for yours",
    ),
    "another function with this value": (
        pair(lambda x: x * 0, lambda dy, x: dy * 0),
        lambda x: x - X,
        "the forward is wrong: its output agrees with the oracle's at this point, its derivatives "
        "do not",
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_who_stands_alone(name: str) -> None:
    subject, oracle, words = VERDICTS[name]
    assert triangulate(subject, X, oracle=oracle).text == words


def rmsnorm(x, gain, eps=1e-5, outside=0.0):
    return x / (np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) + outside) * gain


def nll(logits, targets):
    shifted = logits - logits.real.max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -logs[np.arange(len(targets)), targets]


RMSNORM = (Op(ops.rmsnorm_fwd, ops.rmsnorm_bwd), X, GAIN)
CROSS_ENTROPY = (Op(ops.cross_entropy_fwd, ops.cross_entropy_bwd), LOGITS, TARGETS)
SOFTMAX = (Op(ops.softmax_fwd, ops.softmax_bwd), LOGITS)
CONVENTIONS = {
    "eps": (RMSNORM, lambda x, g: rmsnorm(x, g, eps=1e-3), "by 16 where the rows are 4 times"),
    "eps outside": (
        RMSNORM,
        lambda x, g: rmsnorm(x, g, eps=0.0, outside=1e-3),
        "by 4 where the rows are 4 times as large, and vanishes: an eps outside of the root",
    ),
    "mean, sum": (
        CROSS_ENTROPY,
        lambda x, t: nll(x, t).sum(),
        "your output is 0.166667 x the oracle's (1/6: a mean against a sum?)",
    ),
    "mean, none": (CROSS_ENTROPY, nll, "your output is the mean of the oracle's"),
    "offset": (SOFTMAX, lambda x: ops.softmax_fwd(x)[0] + 0.5, "a constant is added: -0.5"),
    "bias": (
        SOFTMAX,
        lambda x: ops.softmax_fwd(x)[0] + np.arange(5.0),
        "something is added that depends on no argument",
    ),
    "factor": (SOFTMAX, lambda x: 3 * ops.softmax_fwd(x)[0], "0.333333 x the oracle's"),
    "transposed": (
        SOFTMAX,
        lambda x: ops.softmax_fwd(x)[0].T,
        "the same numbers with the last two axes exchanged",
    ),
    "flat": (SOFTMAX, lambda x: ops.softmax_fwd(x)[0].ravel(), "the same numbers in another shape"),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_is_named(name: str) -> None:
    (subject, *inputs), oracle, words = CONVENTIONS[name]
    found = triangulate(subject, *inputs, oracle=oracle)
    assert found.verdict == "convention"
    assert words in found.text


@pytest.mark.parametrize(
    ("oracle", "words"),
    [
        (lambda x: x * (1 + np.tanh(0.851 * x)) / 2, "yours is GELU by tanh, the oracle's is GELU"),
        (lambda x: gelu_fwd(x)[0] + 1e-4 * np.sin(x) ** 2, "two approximations of one activation"),
    ],
)
def test_variants_of_an_activation_are_named(oracle, words: str) -> None:
    found = triangulate(GELU, draw(4, 5) * 2, oracle=oracle)
    assert found.verdict == "convention"
    assert words in found.text


@pytest.mark.parametrize(
    "oracle",
    [
        lambda x: ops.softmax_fwd(1.1 * x)[0],  # vanishes where both saturate, but by no power
        lambda x: ops.softmax_fwd(x)[0] ** 2,
        lambda x: ops.softmax_fwd(x, hidden=np.arange(5) == 2)[0],
        lambda x: ops.softmax_fwd(x.T)[0].T,
    ],
)
def test_what_is_no_convention_is_not_excused(oracle) -> None:
    assert triangulate(*SOFTMAX, oracle=oracle).verdict == "forward"


def test_a_wrong_backward_beside_another_convention_is_the_backwards_fault() -> None:
    twice = Op(ops.softmax_fwd, lambda dy, saved: (2 * ops.softmax_bwd(dy, saved)[0],))
    found = triangulate(twice, LOGITS, oracle=lambda x: ops.softmax_fwd(x)[0] + 0.5)
    assert found.verdict == "backward"
    assert "and besides, the forward differs: a constant is added: -0.5" in found.text


@pytest.mark.parametrize("seed", range(20))
def test_right_ones_agree_whatever_the_seed(seed: int) -> None:
    inputs = draw(3, 4, seed=seed) * 10.0 ** (seed % 5 - 2), draw(4, seed=seed + 1)
    found = triangulate(RMSNORM[0], *inputs, oracle=rmsnorm, seed=seed)
    assert found.verdict == "agree", str(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_does_not_matter(dtype: str) -> None:
    inputs = X.astype(dtype), GAIN.astype(dtype)
    assert triangulate(RMSNORM[0], *inputs, oracle=rmsnorm).ok
    assert triangulate(RMSNORM[0], *inputs, oracle=CONVENTIONS["eps"][1]).verdict == "convention"


def test_a_layer_is_compared_with_a_function_of_its_inputs_and_parameters() -> None:
    assert triangulate(Affine(), draw(2, 3), oracle=lambda x, w, b: x @ w + b).ok


def test_a_function_of_the_inputs_alone_will_do() -> None:
    layer = Affine()
    w, b = layer.w.data, layer.b.data
    assert triangulate(layer, draw(2, 3), oracle=lambda x: x @ w + b).ok


def test_the_oracle_may_have_inputs_of_its_own() -> None:
    layer = Affine()
    arrays = [draw(2, 3), layer.w.data.T.copy(), layer.b.data]
    oracle = lambda x, w, b: x @ w.T + b  # noqa: E731 -- an oracle is a line
    assert triangulate(layer, draw(2, 3), oracle=oracle, oracle_inputs=arrays).ok


def test_an_oracle_may_return_its_saved_values_too() -> None:
    assert triangulate(*SOFTMAX, oracle=ops.softmax_fwd).ok


def test_a_forward_pass_of_real_numbers_is_compared_too() -> None:
    relu = pair(lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0))
    assert triangulate(relu, X, oracle=lambda x: np.where(x > 0, x, 0)).ok
    assert triangulate(relu, X, oracle=np.abs).verdict == "forward"


def test_a_backward_pass_that_raises_is_wrong() -> None:
    found = triangulate(pair(np.sin, lambda dy, x: 1 / 0), X, oracle=np.sin)
    assert found.verdict == "backward"
    assert found.quantities["own backward"] == "could not be compared"


def test_nothing_to_compare_is_no_agreement() -> None:
    found = triangulate(pair(lambda x: x * np.nan, lambda dy, x: dy), X, oracle=np.sin)
    assert not found.ok
    assert "NaN" in found.text


def test_an_oracle_that_does_not_run_is_refused() -> None:
    words = r"^triangulate: the oracle must run on .*got TypeError: .*; hand over oracle_inputs$"
    with pytest.raises(UsageError, match=words):
        triangulate(SIN, X, oracle=lambda a, b: a)


def wrong_softmax() -> Triangulation:
    return triangulate(*SOFTMAX, oracle=lambda x: ops.softmax_fwd(1.1 * x)[0])


def test_the_words_name_all_five_quantities() -> None:
    lines = str(wrong_softmax()).splitlines()
    assert lines[0].startswith("softmax: the forward is wrong: ")
    names = [line[2:22].strip() for line in lines[1:]]
    assert names == [
        "own forward",
        "own backward",
        "own differences",
        "oracle's forward",
        "oracle's gradient",
    ]
    assert max(map(len, lines)) <= 100


def test_the_data_are_plain() -> None:
    found = wrong_softmax()
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["verdict"] == "forward"
    assert plain["ok"] is False
    assert plain["report"]["ok"] is True
    assert plain["output_error"] == found.output_error


def test_the_same_seed_gives_the_same_words() -> None:
    assert str(wrong_softmax()) == str(wrong_softmax())
