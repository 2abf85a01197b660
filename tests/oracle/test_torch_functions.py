"""Functions of tensors, and pairs of them; how tensors are made and mapped."""

import re

import numpy as np
import pytest
import torch

from capstone.errors import UsageError
from capstone.gradcheck import Op, check, lint
from capstone.gradcheck.subjects.torch_library import TorchLibrary
from oracle.torch_subjects import Cube, W, X, altered, draw, messages, rules


def test_a_function_of_tensors_passes() -> None:
    report = check(lambda x, w: torch.softmax(x @ w, dim=-1), X, W)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["x", "w"]


def test_a_detached_path_is_found() -> None:
    report = check(lambda x, w: (x * x.detach()) @ w, X, W)
    assert report.wrong_arguments == ["x"]


def test_an_output_that_is_cut_off_is_found() -> None:
    assert check(lambda x: x.detach() ** 2, X).wrong_arguments == ["x"]


def test_an_argument_that_does_not_matter_has_a_gradient_of_zero() -> None:
    check(lambda x, w: x**2, X, W).raise_if_wrong()


def test_tensors_that_ask_for_a_gradient_are_those_compared() -> None:
    report = check(lambda x, w: x @ w, X.clone().requires_grad_(), W)
    assert [argument.name for argument in report.arguments] == ["x"]


def test_integers_are_passed_along() -> None:
    ids = torch.tensor([3, 0, 3])
    report = check(torch.nn.functional.embedding, ids, W)
    report.raise_if_wrong()
    assert [argument.name for argument in report.arguments] == ["weight"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_low_precision_passes_and_a_wrong_factor_is_found(dtype: torch.dtype) -> None:
    x, w = (X / 4).to(dtype), W.to(dtype)  # float16 ends at 65504
    check(Cube, x, w, 0.5).raise_if_wrong()
    bad = altered(lambda _, dx, dw, n: (dx, 2 * dw, n))
    assert check(bad, x, w, 0.5).wrong_arguments == ["w"]


def test_a_wider_gradient_than_bfloat16_breaks_the_contract() -> None:
    bad = altered(lambda _, dx, dw, n: (dx, dw.float(), n))
    report = check(bad, X.bfloat16(), W.bfloat16(), 0.5)
    assert messages(report) == ["d(w) has dtype torch.float32, expected torch.bfloat16"]


def test_an_output_that_is_no_tensor_is_refused() -> None:
    words = "must return one floating-point array: expected an array, got str"
    with pytest.raises(UsageError, match=words):
        check(lambda x: "words", X)


def test_a_sparse_tensor_is_refused() -> None:
    words = "check: tensors must be dense: expected strided, got torch.sparse_coo; use .to_dense()"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(lambda x: x.to_dense(), X.to_sparse())


def test_a_sparse_output_is_refused() -> None:
    words = "must return one floating-point array: expected an array, got Tensor"
    with pytest.raises(UsageError, match=words):
        check(lambda x: x.to_sparse(), X)


def test_a_complex_tensor_is_refused() -> None:
    with pytest.raises(UsageError, match="check: x must be a numeric array: expected real"):
        check(lambda x: x.real, X * 1j)


def test_arrays_instead_of_tensors_are_refused() -> None:
    words = "check: Cube of PyTorch must be given tensors: expected torch.tensor(...), got ndarray"
    with pytest.raises(UsageError, match=re.escape(words)):
        check(Cube, X.numpy(), W.numpy(), 2.0)


# Pairs of functions of tensors


def test_a_pair_of_functions_of_tensors_passes_and_a_wrong_one_is_found() -> None:
    def forward(x, w):
        return x @ w, (x, w)

    good = Op(forward, lambda dy, s: (dy @ s[1].T, s[0].T @ dy))
    check(good, X, W).raise_if_wrong()
    bad = Op(forward, lambda dy, s: (dy @ s[1].T, s[0].T @ dy.abs()))
    assert check(bad, X, W).wrong_arguments == ["w"]


def test_a_pair_that_writes_to_what_it_saved_is_found() -> None:
    bad = Op(lambda x: (x.exp(), x.exp()), lambda dy, y: y.mul_(dy).clone())
    assert "saved" in rules(check(bad, X))


# Tensors from arrays and back


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0).reshape(2, 6)[:, ::2],
        np.arange(6.0)[::-1],
        np.float32(1.5) * np.ones(()),
        np.zeros((0, 3)),
        np.arange(3),
        np.ones(2) * 1j,
    ],
)
def test_a_tensor_has_the_values_and_the_layout_of_its_array(array) -> None:
    library = TorchLibrary()
    tensor = library.place(array, library.spot(X))
    assert np.array_equal(library.host(tensor), array)
    assert library.host(tensor).dtype == array.dtype
    if array.size and min(array.strides, default=1) > 0:
        assert tensor.stride() == tuple(stride // array.itemsize for stride in array.strides)
    assert not np.shares_memory(library.host(tensor), array)


# Several points at once


def test_a_function_is_mapped_over_points_whatever_axes_it_addresses() -> None:
    report = check(lambda x: (x - x.mean(0)).abs().sum(0), draw(40, 5))
    report.raise_if_wrong()
    assert report.forwards < 400  # one by one, the ladder would take thousands


def test_a_function_that_cannot_be_mapped_passes_all_the_same() -> None:
    def scaled(x: torch.Tensor) -> torch.Tensor:
        return x * x.detach().abs().max().clamp(max=1e-3).item()

    check(scaled, X).raise_if_wrong()


def test_lint_looks_at_tensors() -> None:
    ones, zeros = torch.ones(5, requires_grad=True), torch.zeros(7, dtype=torch.bfloat16)
    assert [hint.partition(";")[0] for hint in lint(X, ones, zeros, names=["x", "g", "b"])] == [
        "b: 0 throughout",
        "g: 1 throughout",
    ]
