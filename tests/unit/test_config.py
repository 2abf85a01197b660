"""The options of a run: what is rejected, where a number comes from, and the way through TOML."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstone.config import DEFAULT_STEPS, RunConfig, read_config
from capstone.errors import ConfigError
from capstone.presets import BATCH_SIZES, PRESETS

SIZES = ("seq_len", "d_model", "n_layers", "n_heads", "d_ff", "batch_size", "max_steps", "epochs")


@pytest.mark.parametrize("name", [*SIZES, "eval_every", "threads", "micro_batches"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_size_below_one_is_rejected(name, value):
    message = f"^config: {name} must be a positive integer: expected {name} >= 1, got {value}$"
    with pytest.raises(ConfigError, match=message):
        RunConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("lr", 0.0, "lr > 0"),
        ("lr", math.nan, "lr > 0"),
        ("lr", math.inf, "a finite number"),
        ("min_lr", -1.0, "min_lr >= 0"),
        ("min_lr", 1.0, "min_lr <= lr = 0.001"),
        ("weight_decay", -0.5, "weight_decay >= 0"),
        ("weight_decay", math.inf, "a finite number"),
        ("max_grad_norm", 0.0, "max_grad_norm > 0"),
        ("max_grad_norm", math.nan, "max_grad_norm > 0"),
        ("warmup_steps", -1, "warmup_steps >= 0"),
        ("seed", -1, "seed >= 0"),
    ],
)
def test_a_number_out_of_range_is_rejected(name, value, expected):
    message = f"^config: {name} is out of range: expected {expected}, got {value}$"
    with pytest.raises(ConfigError, match=message):
        RunConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("d_model", "8", "int"),
        ("d_model", 8.5, "int"),
        ("d_model", {"a": 1}, "int"),
        ("seed", True, "int"),
        ("lr", "x", "float"),
        ("tied", 1, "bool"),
        ("recompute", 1, "bool"),
        ("text_file", 3, "str"),
        ("lr", None, "float"),
    ],
)
def test_a_wrong_type_is_rejected(name, value, expected):
    message = f"^config: {name} has the wrong type: expected {expected}, got {value!r}$"
    with pytest.raises(ConfigError, match=message):
        RunConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "known"),
    [("preset", "tiny, small, medium"), ("positions", "rope, none"), ("dtype", "float32, float64")],
)
def test_an_unknown_choice_is_rejected(name, known):
    message = f"^config: unknown {name}: expected one of {known}, got 'huge'$"
    with pytest.raises(ConfigError, match=message):
        RunConfig(**{name: "huge"})


def test_a_whole_number_will_do_for_a_float():
    assert RunConfig(lr=1).lr == 1


@pytest.mark.parametrize("name", PRESETS)
def test_sizes_come_from_the_preset(name):
    config = RunConfig(preset=name)
    model = config.model(vocab_size=5)
    assert {key: getattr(model, key) for key in PRESETS[name]} == PRESETS[name]
    assert config.windows_a_step == BATCH_SIZES[name]


def test_a_given_size_wins_over_the_preset():
    config = RunConfig(d_model=256, n_layers=6, batch_size=3)
    model = config.model(vocab_size=5)
    assert (model.d_model, model.n_layers, config.windows_a_step) == (256, 6, 3)


@pytest.mark.parametrize(
    ("max_steps", "epochs", "steps"),
    [(None, None, DEFAULT_STEPS), (7, None, 7), (None, 2, 20), (7, 2, 7), (70, 2, 20)],
)
def test_length_of_a_run(max_steps, epochs, steps):
    assert RunConfig(max_steps=max_steps, epochs=epochs).steps(batches_an_epoch=10) == steps


def test_the_last_learning_rate_is_a_tenth_of_the_peak():
    assert RunConfig(lr=0.5).last_lr == 0.05


def test_an_explicit_last_learning_rate_of_zero_is_kept():
    assert RunConfig(min_lr=0.0).last_lr == 0.0


def resolve(config):
    return config.resolved(config.model(vocab_size=5), config.steps(batches_an_epoch=10), threads=3)


def test_a_resolved_config_leaves_no_number_open():
    resolved = resolve(RunConfig(preset="small"))
    assert {name: getattr(resolved, name) for name in (*SIZES, "min_lr")} == {
        **PRESETS["small"],
        "d_ff": 688,
        "batch_size": 16,
        "max_steps": DEFAULT_STEPS,
        "epochs": None,
        "min_lr": 1e-4,
    }
    assert resolved.threads == 3


@pytest.mark.parametrize("config", [RunConfig(), RunConfig(epochs=3), RunConfig(d_model=8, lr=1)])
def test_resolving_twice_changes_nothing(config):
    assert resolve(resolve(config)) == resolve(config)


def write(folder, config):
    path = folder / "run.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(tied=False, max_grad_norm=math.inf, lr=1e-5, min_lr=0.0, epochs=2),
        resolve(RunConfig(preset="medium", dtype="float64", positions="none")),
    ],
    ids=["defaults", "unusual", "resolved"],
)
def test_toml_brings_the_options_back(tmp_path, config):
    assert RunConfig(**read_config(write(tmp_path, config))) == config


@given(name=st.text())
def test_toml_brings_any_file_name_back(tmp_path_factory, name):
    config = RunConfig(text_file=name)
    assert RunConfig(**read_config(write(tmp_path_factory.getbasetemp(), config))) == config


def test_toml_leaves_open_what_is_open():
    assert "d_model" not in RunConfig().to_toml()


def test_a_missing_file_is_reported(tmp_path):
    message = (
        r"^read_config: the file must be readable: expected a TOML file, "
        r"got No such file or directory at '.*none\.toml'$"
    )
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"d_model =\n", b"lr = \xff\n"], ids=["syntax", "encoding"])
def test_a_file_that_is_no_toml_is_reported(tmp_path, content):
    (tmp_path / "bad.toml").write_bytes(content)
    message = r"^read_config: '.*bad\.toml' must be TOML: expected lines such as lr = 0\.001, got "
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "bad.toml")


def test_an_unknown_key_is_reported(tmp_path):
    (tmp_path / "run.toml").write_text("dmodel = 8\n", encoding="utf-8")
    message = r"^read_config: unknown key in '.*': expected one of preset, .*, got 'dmodel'$"
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "run.toml")
