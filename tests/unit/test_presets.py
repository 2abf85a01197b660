"""The named sizes and what they amount to."""

import pytest

from capstone.errors import ConfigError
from capstone.model import ModelConfig, TrainableTransformer
from capstone.presets import BATCH_SIZES, PRESETS, preset

CHARACTERS = 65  # of the usual corpus of Shakespeare's plays
COUNTS = {"tiny": 800_000, "small": 3_181_056, "medium": 12_637_184}


def count(config):
    """Parameters by arithmetic: per block four (D, D), three (D, F) and two gains."""
    D, F, L = config.d_model, config.d_ff, config.n_layers
    return config.vocab_size * D + L * (4 * D * D + 3 * D * F + 2 * D) + D


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_exactly_so_many_parameters(name):
    assert count(preset(name, vocab_size=CHARACTERS)) == COUNTS[name]


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_the_arithmetic_is_that_of_the_model(name):
    model = TrainableTransformer(preset(name, vocab_size=CHARACTERS))
    assert model.count_parameters() == COUNTS[name]


def test_tiny_is_four_layers_and_four_heads_of_width_128():
    config = preset("tiny", vocab_size=CHARACTERS)
    assert (config.n_layers, config.n_heads, config.d_model) == (4, 4, 128)
    assert (config.positions, config.tied) == ("rope", True)


@pytest.mark.parametrize(("name", "width"), [("tiny", 128), ("small", 256), ("medium", 512)])
def test_every_preset_has_its_width(name, width):
    assert preset(name, vocab_size=CHARACTERS).d_model == width


def test_every_preset_has_a_batch_size():
    assert BATCH_SIZES.keys() == PRESETS.keys() == COUNTS.keys()


def test_options_replace_those_of_the_preset():
    config = preset("tiny", vocab_size=9, n_layers=2, positions="none", tied=False)
    wanted = ModelConfig(9, seq_len=64, d_model=128, n_layers=2, n_heads=4)
    assert (config.n_layers, config.positions, config.tied) == (2, "none", False)
    assert (config.d_model, config.vocab_size) == (wanted.d_model, wanted.vocab_size)


def test_presets_are_not_changed_by_their_use():
    preset("tiny", vocab_size=9, n_layers=2)
    assert preset("tiny", vocab_size=9).n_layers == 4


def test_an_unknown_preset_is_named():
    message = r"^preset: unknown preset: expected one of tiny, small, medium, got 'huge'$"
    with pytest.raises(ConfigError, match=message):
        preset("huge", vocab_size=9)


def test_options_that_do_not_fit_are_named():
    message = r"^ModelConfig: d_model must give the 3 heads an even width for each: .* = 128$"
    with pytest.raises(ConfigError, match=message):
        preset("tiny", vocab_size=9, n_heads=3)
