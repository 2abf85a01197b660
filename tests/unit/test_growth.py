"""What `benchmarks/growth.py` fits, counts and refuses."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import tolerances
from capstone.model import TrainableTransformer
from capstone.presets import BATCH_SIZES, preset
from capstone.shards import Shards
from unit.saved import arrays_in

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
POINTS = [("context", 64), ("context", 96), ("width", 32), ("layers", 2), ("batch", 3)]
EXACT = {"rel": tolerances.TWO_WAYS, "abs": tolerances.TWO_WAYS}


@pytest.fixture(scope="module")
def growth():
    """The command, as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("growth")


class Counting(np.ndarray):
    """An array that counts multiplications and additions of the products that it meets."""

    operations = 0

    def __matmul__(self, other):
        return multiply(self, other)

    def __rmatmul__(self, other):
        return multiply(other, self)


def multiply(a, b):
    """The product, counted unless it is with a column: those are sums of rows."""
    y = np.asarray(a) @ np.asarray(b)
    if y.shape[-1] != 1:
        Counting.operations += 2 * y.size * a.shape[-1]
    return y.view(Counting)


def make_point(growth, row, size):
    """A model and a batch of tokens."""
    config, batch = growth.point(row, size)
    tokens = np.random.default_rng(0).integers(0, config.vocab_size, (batch, config.seq_len))
    return TrainableTransformer(config), tokens


def root_of(array):
    """The array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_a_power_law_is_recovered(growth):
    law = growth.fit_power_law([1, 2, 5, 30], [3 * size**1.7 for size in (1, 2, 5, 30)])
    assert tuple(law) == pytest.approx((3, 1.7, 0), **EXACT)
    assert law.at(7) == pytest.approx(3 * 7**1.7, **EXACT)


def test_the_standard_error_is_that_of_the_residuals(growth):
    x, residuals = np.arange(4), 0.1 * np.array([1, -1, -1, 1])  # orthogonal to x and to 1
    law = growth.fit_power_law(np.exp(x), np.exp(0.5 + 2 * x + residuals))
    # squares of residuals 0.04, two degrees of freedom, squares of x about its mean 5
    assert tuple(law) == pytest.approx((np.exp(0.5), 2, (0.04 / 2 / 5) ** 0.5), **EXACT)


def test_the_larger_half_is_fitted_by_itself(growth):
    sizes, values = (1, 2, 3, 4, 5), (7, 7, 9, 16, 25)
    assert growth.fit_larger_half(sizes, values).exponent == pytest.approx(2, **EXACT)


@pytest.mark.parametrize(("row", "size"), POINTS)
def test_the_operations_are_those_of_the_products(growth, monkeypatch, row, size):
    model, tokens = make_point(growth, row, size)
    for parameter in model.parameters():
        parameter.data = parameter.data.view(Counting)
    monkeypatch.setattr(Counting, "operations", 0)
    Shards(model, 1).compute_gradients(tokens, tokens)
    assert growth.count_operations(*growth.point(row, size)) == Counting.operations


@pytest.mark.parametrize(("row", "size"), POINTS)
def test_the_saved_bytes_are_those_that_the_layers_remember(growth, row, size):
    model, tokens = make_point(growth, row, size)
    model.forward(tokens)
    saved = [root_of(array) for layer in model.layers() for array in arrays_in(layer._saved)]
    # tables of rotations are read-only and stay; tokens are the caller's
    found = {id(a): a.nbytes for a in saved if a.flags.writeable and a.dtype == np.float32}
    found.pop(id(model.flat.data))
    assert growth.count_saved_bytes(*growth.point(row, size)) == sum(found.values())


@pytest.mark.parametrize("row", ["context", "width", "layers", "batch"])
def test_a_row_rises_by_a_factor_of_16_through_the_preset(growth, row):
    sizes = growth.ROWS[row].sizes
    assert list(sizes) == sorted(set(sizes))
    assert sizes[-1] == 16 * sizes[0]
    assert (preset("tiny", vocab_size=65), BATCH_SIZES["tiny"]) in [
        growth.point(row, size) for size in sizes
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds must be positive: expected >= 1, got 0"),
        (
            ["--out", "growth.pdf"],
            "--out must name a kind of picture: expected a name in .svg or .png, got growth.pdf",
        ),
        (
            ["--out", "nowhere/growth.svg"],
            "--out must be in a folder that exists: expected one, got nowhere",
        ),
        (["--out", "growth.svg"], '--out needs matplotlib: pip install ".[train]"'),
    ],
)
def test_bad_options_are_refused_in_one_line(growth, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["growth.py", *arguments])
    monkeypatch.setattr(growth, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        growth.parse()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"growth.py: error: {message}"


def test_a_picture_does_not_replace_a_folder(growth, monkeypatch, capsys, tmp_path):
    (tmp_path / "growth.svg").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["growth.py", "--out", "growth.svg"])
    with pytest.raises(SystemExit, match="2"):
        growth.parse()
    assert capsys.readouterr().err.endswith(
        "growth.py: error: --out must be a file: expected one, got the folder growth.svg\n"
    )
