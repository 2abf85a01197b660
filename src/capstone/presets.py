"""Named model sizes, and how to train each."""

from dataclasses import fields
from typing import Any

from capstone._checks import check_choice
from capstone.errors import ConfigError
from capstone.model import ModelConfig

PRESETS: dict[str, dict[str, int]] = {
    "tiny": {"d_model": 128, "n_layers": 4, "n_heads": 4, "seq_len": 64},  # 0.8 M parameters
    "small": {"d_model": 256, "n_layers": 4, "n_heads": 8, "seq_len": 128},  # 3 M
    "medium": {"d_model": 512, "n_layers": 4, "n_heads": 8, "seq_len": 256},  # 12 M
}

BATCH_SIZES = {"tiny": 12, "small": 16, "medium": 8}


def preset(name: str, *, vocab_size: int, **overrides: Any) -> ModelConfig:
    """The model options called `name`, with some of them replaced.

    Args:
        name: "tiny" (about 0.8 M parameters), "small" (3 M) or "medium" (12 M).
        vocab_size: V.
        overrides: fields of `ModelConfig`.

    Raises:
        ConfigError: an unknown name, or options that do not fit.
    """
    check_choice("preset", "preset", name, PRESETS, ConfigError)
    for option in overrides:
        known = [field.name for field in fields(ModelConfig)]
        check_choice("preset", "option", option, known, ConfigError)
    return ModelConfig(**{"vocab_size": vocab_size, **PRESETS[name], **overrides})
