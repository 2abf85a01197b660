"""The model's options: what they become, and what they refuse."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from capstone.errors import ConfigError
from capstone.model import ModelConfig, TrainableTransformer

SMALL = ModelConfig(11, seq_len=6, d_model=12, n_layers=2, n_heads=3, d_ff=7)


@pytest.fixture
def model():
    """Of the options above."""
    return TrainableTransformer(SMALL)


def test_the_config_is_kept_and_cannot_be_changed(model):
    assert model.config.vocab_size == 11
    with pytest.raises(FrozenInstanceError):
        model.config.vocab_size = 12


@pytest.mark.parametrize(("d_model", "d_ff"), [(128, 344), (256, 688), (512, 1368), (12, 32)])
def test_the_default_width_inside_is_eight_thirds_rounded_up_to_eight(d_model, d_ff):
    assert ModelConfig(65, d_model=d_model, n_heads=2).d_ff == d_ff


@pytest.mark.parametrize(
    "name", ["vocab_size", "seq_len", "d_model", "n_layers", "n_heads", "d_ff"]
)
@pytest.mark.parametrize("size", [-1, 2.5, True, "8"])
def test_a_size_that_is_no_positive_integer_is_named(name, size):
    message = (
        rf"^ModelConfig: {name} must be a positive integer: expected {name} >= 1, got {size!r}$"
    )
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **{name: size})


@pytest.mark.parametrize("name", ["vocab_size", "seq_len", "d_model", "n_layers", "n_heads"])
def test_a_size_of_zero_is_named(name):
    message = rf"^ModelConfig: {name} must be a positive integer: expected {name} >= 1, got 0$"
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **{name: 0})


@pytest.mark.parametrize(
    ("d_model", "positions", "message"),
    [
        (9, "rope", r"an even width for each: expected d_model % 6 == 0, got d_model = 9"),
        (10, "rope", r"an even width for each: expected d_model % 6 == 0, got d_model = 10"),
        (10, "none", r"an equal width: expected d_model % 3 == 0, got d_model = 10"),
    ],
)
def test_a_width_that_the_heads_do_not_divide_is_named(d_model, positions, message):
    with pytest.raises(
        ConfigError, match=rf"^ModelConfig: d_model must give the 3 heads {message}$"
    ):
        replace(SMALL, d_model=d_model, positions=positions)


def test_heads_of_odd_width_are_fine_without_rope():
    model = TrainableTransformer(replace(SMALL, d_model=9, positions="none"))
    assert model.forward(np.array([[1]])).shape == (1, 1, 11)


def test_unknown_positions_are_named():
    message = r"^ModelConfig: unknown positions: expected one of rope, none, got 'learned'$"
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, positions="learned")
