"""A check in one file: its inputs, its options and where its subject stands, to be run again.

The file is an ordinary `.npz`, readable with `np.load`, without pickle. The array `capsule` holds
the rest as JSON. Replaying imports the subject's module, which runs it: replay what you trust.
"""

import platform
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.errors import UsageError
from capstone.gradcheck.capsules.capsule_file import read_archive, write_archive
from capstone.gradcheck.capsules.recipe import (
    FUNCTIONS,
    Recipe,
    is_layer,
    is_plain,
    recipe_from,
    recipe_of,
)
from capstone.gradcheck.check import check
from capstone.gradcheck.report import Report
from capstone.gradcheck.subjects.layers import parameters_of
from capstone.gradcheck.subjects.make_subject import is_torch_function
from capstone.gradcheck.subjects.names import Names
from capstone.gradcheck.subjects.signatures import argument_names
from capstone.gradcheck.subjects.stored import Stored, store
from capstone.gradcheck.subjects.torch_function import function_argument_names
from capstone.gradcheck.usage import refuse


@dataclass(frozen=True)
class Capsule:
    """A check that can be run again.

    Args:
        path: the file.
        recipe: where the subject stands.
        inputs: of the forward pass.
        upstream: the gradient with respect to the output, if one was given.
        options: the other options of `check`, in plain values.
        parameters: of a layer, by name.
        report: what the check said, in words.
        names: of the inputs.
        found: where it comes from, such as the test that failed.
        versions: of Python and NumPy, at the time.
    """

    path: Path
    recipe: Recipe
    inputs: tuple[Stored, ...]
    upstream: Stored
    options: dict[str, Any]
    parameters: dict[str, Array]
    report: str
    names: tuple[str, ...]
    found: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command that replays it; it names a subject in words if the caller must."""
        subject = "MODULE:SUBJECT " if self.recipe.form == "given" else ""
        return f"capstone gradcheck {subject}--replay {shlex.quote(str(self.path))}"

    def check_options(self) -> dict[str, Any]:
        """The options of the check, functions aside."""
        options = dict(self.options)
        if self.upstream.array is not None:
            options["upstream"] = self.upstream.restore()
        if "names" in options:
            options["names"] = _names_from(options["names"])
        return options

    def restored_inputs(self) -> tuple[Any, ...]:
        """The inputs as arrays of their own libraries.

        Raises:
            UsageError: a library is not installed.
        """
        return tuple(stored.restore() for stored in self.inputs)

    def subject(self) -> tuple[Any, dict[str, Any]]:
        """The subject by its name, and the options of `check` that are functions.

        Raises:
            UsageError: it is not there any more, or never was to be found.
        """
        names = self.check_options().get("names")
        return self.recipe.make("replay", self.restored_inputs(), self.parameters, names)

    def replay(self, subject: Any = None, **functions: Any) -> Report:
        """Run the check again.

        Args:
            subject: instead of the one that is found by its name; for one that has none.
            functions: `backward=` or `gradient=` of such a subject.

        Raises:
            UsageError: the subject is not there any more, or was never to be found.
        """
        if subject is None:
            subject, functions = self.subject()
        options = {**self.check_options(), **functions, "replay": self.command}
        return check(subject, *self.restored_inputs(), **options)


def save_capsule(
    path: str | Path,
    subject: Any,
    *inputs: Any,
    recipe: Recipe | None = None,
    found: Mapping[str, Any] | None = None,
    **options: Any,
) -> Capsule:
    """Run a check and write everything that it takes to run it again into one file.

    Args:
        path: the file; one that is a capsule is replaced, any other is left alone.
        subject: whatever `check` takes.
        inputs: as for `check`: arrays and plain values.
        recipe: where the subject comes from, if the caller knows; else its own place is looked for.
        found: where it comes from, in plain values.
        options: those of `check`.

    Raises:
        UsageError: as `check` does; inputs or options that are neither arrays nor plain; a file
            that cannot be written.
    """
    report = check(subject, *inputs, **options)
    stored = tuple(store(thing, f"input {number}") for number, thing in enumerate(inputs))
    names = options.get("names")
    capsule = Capsule(
        path=Path(path),
        recipe=recipe or recipe_of(subject, options),
        inputs=stored,
        upstream=store(options.get("upstream"), "upstream"),
        options=_plain_options(options) | {"seed": report.seed, "name": report.name},
        parameters=parameters_of(subject, names) if is_layer(subject, options) else {},
        report=str(report),
        names=_input_names(subject, len(inputs)),
        found=dict(found or {}),
        versions={"python": platform.python_version(), "numpy": np.__version__},
    )
    if capsule.recipe.form == "layer" and not _is_made_again(capsule, report):
        capsule = replace(capsule, recipe=Recipe("given"))
    write_archive(capsule.path, _arrays(capsule), _metadata(capsule))
    return capsule


def _is_made_again(capsule: Capsule, report: Report) -> bool:
    """Does a layer that its class gives without arguments behave like the one that was checked?"""
    try:
        again = capsule.replay()
    except UsageError:
        return False
    return again.ok == report.ok and again.wrong_arguments == report.wrong_arguments


def load_capsule(path: str | Path) -> Capsule:
    """Read what `save_capsule` wrote.

    Raises:
        UsageError: a file that is missing, damaged, no capsule, or of a newer version.
    """
    arrays, plain = read_archive(Path(path))
    try:
        unknown = set(plain["options"]) - set(signature(check).parameters)
        if unknown:
            raise ValueError(f"unknown options {', '.join(sorted(unknown))}")
        return Capsule(
            path=Path(path),
            recipe=recipe_from(plain["recipe"]),
            inputs=tuple(_stored_from(one, arrays) for one in plain["inputs"]),
            upstream=_stored_from(plain["upstream"], arrays),
            options=dict(plain["options"]),
            parameters={name: arrays[key] for name, key in plain["parameters"].items()},
            report=str(plain["report"]),
            names=tuple(map(str, plain["names"])),
            found=dict(plain["found"]),
            versions=dict(plain["versions"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        rule, got = "the capsule is damaged", f"{type(error).__name__}: {error} in '{path}'"
        refuse(rule, expected="what save_capsule wrote", got=got, function="load_capsule")


def _arrays(capsule: Capsule) -> dict[str, Array]:
    """Every array of it by the name under which the metadata refer to it."""
    numbered = {f"input{number}": one.array for number, one in enumerate(capsule.inputs)}
    arrays = {**numbered, "upstream": capsule.upstream.array}
    parameters = {f"parameter{n}": array for n, array in enumerate(capsule.parameters.values())}
    return {k: array for k, array in {**arrays, **parameters}.items() if array is not None}


def _metadata(capsule: Capsule) -> dict[str, Any]:
    inputs = [_plain(one, f"input{number}") for number, one in enumerate(capsule.inputs)]
    return {
        "recipe": capsule.recipe.to_dict(),
        "inputs": inputs,
        "upstream": _plain(capsule.upstream, "upstream"),
        "options": capsule.options,
        "parameters": {name: f"parameter{n}" for n, name in enumerate(capsule.parameters)},
        "report": capsule.report,
        "names": capsule.names,
        "found": capsule.found,
        "versions": capsule.versions,
    }


def _plain(stored: Stored, key: str) -> dict[str, Any]:
    facts = {name: getattr(stored, name) for name in Stored.__annotations__ if name != "array"}
    return {**facts, "array": key if stored.array is not None else None}


def _stored_from(plain: dict[str, Any], arrays: Mapping[str, Array]) -> Stored:
    array = None if plain["array"] is None else arrays[plain["array"]]
    return Stored(**{**plain, "array": array})


def _plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options but for functions, which the recipe knows, and arrays.

    Raises:
        UsageError: one that JSON cannot hold.
    """
    kept = {key: value for key, value in options.items() if key not in ("upstream", "replay")}
    kept = {k: v for k, v in kept.items() if not (k in FUNCTIONS and callable(v))}
    if isinstance(kept.get("names"), Names):
        kept["names"] = asdict(kept["names"])
    if isinstance(kept.get("wrt"), set | frozenset | tuple):
        kept["wrt"] = sorted(kept["wrt"], key=str)
    for key, value in kept.items():
        kept[key] = value.item() if isinstance(value, np.generic) else value
        if not is_plain(kept[key]) and key != "names":
            rule = f"{key} must be a plain value to be kept"
            got = type(value).__name__
            refuse(rule, expected="numbers, texts, lists", got=got, function="save_capsule")
    return kept


def _names_from(plain: dict[str, Any]) -> Names:
    parameters = plain["parameters"]
    listed = tuple(parameters) if isinstance(parameters, list) else parameters
    return Names(**{**plain, "parameters": listed})


def _input_names(subject: Any, count: int) -> tuple[str, ...]:
    """What the forward pass calls its inputs."""
    if is_torch_function(subject):
        return tuple(function_argument_names(subject, count))
    forward = getattr(subject, "forward", subject)
    return tuple(argument_names(forward, count)) if callable(forward) else ()
