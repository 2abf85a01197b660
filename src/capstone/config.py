"""The options of a training run, from defaults, a file and the command line."""

import json
import math
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from capstone._checks import check_choice, check_positive, fail
from capstone.errors import ConfigError
from capstone.model import ModelConfig
from capstone.presets import BATCH_SIZES, PRESETS, preset

DTYPES = ("float32", "float64")
MODEL_KEYS = ("seq_len", "d_model", "n_layers", "n_heads", "d_ff")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a training run. Zero and "" mean: take it from the preset.

    Args:
        preset: "tiny", "small" or "medium": the model's sizes and the batch size.
        text_file: path of the text; the embedded *Hamlet* if empty.
        seq_len: context in tokens.
        d_model: width of the model.
        n_layers: number of blocks.
        n_heads: number of attention heads.
        d_ff: width inside the feed-forward network.
        positions: "rope" or "none".
        tied: whether the head shares the embedding's table.
        batch_size: windows a step.
        max_steps: steps of the run; with `epochs`, no more than these.
        epochs: passes over the training split instead of random windows; 0 for random windows.
        lr: learning rate at the peak.
        min_lr: learning rate of the last step; a tenth of `lr` if 0.
        warmup_steps: steps up to the peak.
        weight_decay: of matrices.
        max_grad_norm: gradients of a larger joint norm are scaled down to it.
        eval_every: steps from one evaluation to the next.
        seed: of the initial weights, the batches and the samples.
        dtype: "float32" or "float64".

    Raises:
        ConfigError: an option of the wrong type or out of range.
    """

    preset: str = "tiny"
    text_file: str = ""
    seq_len: int = 0
    d_model: int = 0
    n_layers: int = 0
    n_heads: int = 0
    d_ff: int = 0
    positions: str = "rope"
    tied: bool = True
    batch_size: int = 0
    max_steps: int = 0
    epochs: int = 0
    lr: float = 1e-3
    min_lr: float = 0.0
    warmup_steps: int = 100
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    eval_every: int = 250
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), type(field.default))
        check_choice("config", "preset", self.preset, PRESETS, ConfigError)
        check_choice("config", "dtype", self.dtype, DTYPES, ConfigError)
        check_positive("config", ConfigError, eval_every=self.eval_every)
        may_be_zero = (*MODEL_KEYS, "batch_size", "max_steps", "epochs", "warmup_steps", "seed")
        for name in (*may_be_zero, "lr", "min_lr", "weight_decay"):
            _check_at_least_zero(name, getattr(self, name))
        if not self.max_grad_norm > 0:
            expected, got = "max_grad_norm > 0", self.max_grad_norm
            fail("config", "out of range", expected=expected, got=got, error=ConfigError)
        if self.min_lr > self.lr:
            expected, got = f"min_lr <= lr = {self.lr}", self.min_lr
            fail("config", "out of range", expected=expected, got=got, error=ConfigError)

    def model(self, vocab_size: int) -> ModelConfig:
        """The model's options, the preset's where nothing else is said."""
        chosen = {name: getattr(self, name) for name in MODEL_KEYS if getattr(self, name)}
        named = {"positions": self.positions, "tied": self.tied}
        return preset(self.preset, vocab_size=vocab_size, **named, **chosen)

    def windows_a_step(self) -> int:
        """The batch size, the preset's where nothing else is said."""
        return self.batch_size or BATCH_SIZES[self.preset]

    def steps(self, batches_an_epoch: int) -> int:
        """Length of the run: `max_steps`, or whole epochs, whichever ends first."""
        if not self.epochs:
            return self.max_steps or DEFAULT_STEPS
        whole = self.epochs * batches_an_epoch
        return min(whole, self.max_steps) if self.max_steps else whole

    def to_toml(self) -> str:
        """The options as TOML, one line each; `read_config` reads them back."""
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in asdict(self).items())


DEFAULT_STEPS = 2000


def read_config(path: str | Path) -> dict[str, Any]:
    """Options from a TOML file: any of the fields of `RunConfig`.

    Raises:
        ConfigError: the file is missing, is no TOML, or has an unknown key.
    """
    try:
        with Path(path).open("rb") as file:
            options = tomllib.load(file)
    except OSError as error:
        got = f"{error.strerror}: '{path}'"
        fail(
            "read_config", "the file must be readable", expected="TOML", got=got, error=ConfigError
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(
            "read_config",
            f"'{path}' must be TOML",
            expected="key = value",
            got=error,
            error=ConfigError,
        )
    known = [field.name for field in fields(RunConfig)]
    for name in options:
        check_choice("read_config", f"key in '{path}'", name, known, ConfigError)
    return options


def _check_type(name: str, value: object, kind: type) -> None:
    """A whole number will do for a float, but nothing will do for a boolean."""
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        rule = f"{name} has the wrong type"
        fail("config", rule, expected=kind.__name__, got=repr(value), error=ConfigError)


def _check_at_least_zero(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        fail("config", "out of range", expected=f"{name} >= 0", got=value, error=ConfigError)
