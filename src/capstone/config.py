"""The options of a training run, from defaults, a file and the command line."""

import json
import math
import tomllib
from dataclasses import Field, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from capstone._checks import check_choice, check_positive, fail
from capstone.errors import ConfigError
from capstone.model import ModelConfig
from capstone.ops.attention import POSITIONS
from capstone.presets import BATCH_SIZES, PRESETS, preset

DTYPES = ("float32", "float64")
MODEL_KEYS = ("seq_len", "d_model", "n_layers", "n_heads", "d_ff")
DEFAULT_STEPS = 2000
MIN_LR_RATIO = 0.1  # of the last learning rate to the peak, unless `min_lr` is given


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a training run; sizes that are None come from the preset.

    Args:
        preset: "tiny", "small" or "medium": the model's sizes and the batch size.
        text_file: path of the text; the embedded *Hamlet* if None.
        seq_len: context in tokens.
        d_model: width of the model.
        n_layers: number of blocks.
        n_heads: number of attention heads.
        d_ff: width inside the feed-forward network; follows from `d_model` if None.
        positions: "rope" or "none".
        tied: whether the head shares the embedding's table.
        batch_size: windows a step.
        max_steps: steps of the run, 2000 if None; with `epochs`, no more than these.
        epochs: passes over the training split; random windows instead if None.
        lr: learning rate at the peak.
        min_lr: learning rate of the last step; a tenth of `lr` if None.
        warmup_steps: steps up to the peak; a short run spends at most half of itself on them.
        weight_decay: of matrices.
        max_grad_norm: gradients of a larger joint norm are scaled down to it.
        eval_every: steps from one evaluation to the next.
        seed: of the initial weights, the batches and the samples.
        dtype: "float32" or "float64".
        threads: parts of a batch that are worked on at the same time, each on a core of its own;
            as many as there are cores if None. The order in which gradients are added up depends
            on it.
        micro_batches: pieces of each of those parts that go forward and backward one after another:
            a fraction of the memory, and gradients that are added up in another order.
        recompute: whether each block keeps its input alone and runs its forward pass again in the
            backward pass: less memory, a second forward pass, the same numbers.

    Raises:
        ConfigError: an option of the wrong type or out of range.
    """

    preset: str = "tiny"
    text_file: str | None = None
    seq_len: int | None = None
    d_model: int | None = None
    n_layers: int | None = None
    n_heads: int | None = None
    d_ff: int | None = None
    positions: str = "rope"
    tied: bool = True
    batch_size: int | None = None
    max_steps: int | None = None
    epochs: int | None = None
    lr: float = 1e-3
    min_lr: float | None = None
    warmup_steps: int = 100
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    eval_every: int = 250
    seed: int = 0
    dtype: str = "float32"
    threads: int | None = None
    micro_batches: int = 1
    recompute: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field, getattr(self, field.name))
        check_choice("config", "preset", self.preset, PRESETS, ConfigError)
        check_choice("config", "positions", self.positions, POSITIONS, ConfigError)
        check_choice("config", "dtype", self.dtype, DTYPES, ConfigError)
        counts = ("batch_size", "max_steps", "epochs", "eval_every", "threads", "micro_batches")
        for name in (*MODEL_KEYS, *counts):
            if getattr(self, name) is not None:
                check_positive("config", ConfigError, **{name: getattr(self, name)})
        for name in ("min_lr", "warmup_steps", "weight_decay", "seed"):
            if getattr(self, name) is not None:
                _check(name, getattr(self, name) >= 0, getattr(self, name), f"{name} >= 0")
        _check("lr", self.lr > 0, self.lr, "lr > 0")
        _check("max_grad_norm", self.max_grad_norm > 0, self.max_grad_norm, "max_grad_norm > 0")
        _check("min_lr", self.last_lr <= self.lr, self.last_lr, f"min_lr <= lr = {self.lr}")
        for name in ("lr", "weight_decay"):
            _check(name, getattr(self, name) < math.inf, getattr(self, name), "a finite number")

    @property
    def last_lr(self) -> float:
        """The learning rate of the last step."""
        return self.lr * MIN_LR_RATIO if self.min_lr is None else self.min_lr

    @property
    def windows_a_step(self) -> int:
        """The batch size, the preset's where nothing else is said."""
        return self.batch_size or BATCH_SIZES[self.preset]

    def model(self, vocab_size: int) -> ModelConfig:
        """The model's options, the preset's where nothing else is said."""
        chosen = {name: getattr(self, name) for name in MODEL_KEYS if getattr(self, name)}
        named = {"positions": self.positions, "tied": self.tied}
        return preset(self.preset, vocab_size=vocab_size, **named, **chosen)

    def steps(self, batches_an_epoch: int) -> int:
        """Length of the run: `max_steps`, or whole epochs, whichever ends first."""
        if self.epochs is None:
            return self.max_steps or DEFAULT_STEPS
        whole = self.epochs * batches_an_epoch
        return min(whole, self.max_steps or whole)

    def resolved(self, model: ModelConfig, total_steps: int, threads: int) -> "RunConfig":
        """The same run with every number written out, so that no later default can change it."""
        found: dict[str, Any] = {name: getattr(model, name) for name in MODEL_KEYS}
        found |= {"batch_size": self.windows_a_step, "max_steps": total_steps, "threads": threads}
        found["warmup_steps"] = min(self.warmup_steps, (total_steps - 1) // 2)
        return replace(self, min_lr=self.last_lr, **found)

    def to_toml(self) -> str:
        """The options that are not None as TOML, one line each; `read_config` reads them back."""
        options = {name: value for name, value in asdict(self).items() if value is not None}
        return "".join(f"{name} = {_to_toml(value)}\n" for name, value in options.items())


def read_config(path: str | Path) -> dict[str, Any]:
    """Options from a TOML file: any of the fields of `RunConfig`.

    Raises:
        ConfigError: the file is missing, is no TOML, or has an unknown key.
    """
    where = "read_config"
    try:
        with Path(path).open("rb") as file:
            options = tomllib.load(file)
    except OSError as error:
        rule, got = "the file must be readable", f"{error.strerror} at '{path}'"
        fail(where, rule, expected="a TOML file", got=got, error=ConfigError)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        rule = f"'{path}' must be TOML"
        fail(where, rule, expected="lines such as lr = 0.001", got=error, error=ConfigError)
    known = [field.name for field in fields(RunConfig)]
    for name in options:
        check_choice(where, f"key in '{path}'", name, known, ConfigError)
    return options


def value_type(field: Field[Any]) -> type:
    """The type of an option's values, beside None."""
    kinds: tuple[Any, ...] = get_args(field.type) or (field.type,)
    kind: type = kinds[0]
    return kind


def _check_type(field: Field[Any], value: object) -> None:
    """A whole number will do for a float, but nothing will do for a boolean."""
    kind = value_type(field)
    wanted = (int, float) if kind is float else kind
    if value is None and field.default is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        rule = f"{field.name} has the wrong type"
        fail("config", rule, expected=kind.__name__, got=repr(value), error=ConfigError)


def _check(name: str, is_right: bool, value: float, expected: str) -> None:
    if not is_right:
        fail("config", f"{name} is out of range", expected=expected, got=value, error=ConfigError)


def _to_toml(value: object) -> str:
    """A string or a boolean is written as JSON writes it, a number as Python does (`inf`)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
