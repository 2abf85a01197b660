"""`capstone gradcheck THING` and `--replay`: a subject by its name, and one from a capsule."""

import argparse
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from capstone._checks import fail
from capstone._typing import Array
from capstone.cli.load import make_input
from capstone.cli.report_files import write_reports
from capstone.gradcheck import Report, check, load_capsule, make_test, save_capsule, shrink
from capstone.gradcheck.capsules.recipe import named
from capstone.gradcheck.inputs.design import design
from capstone.gradcheck.subjects.load_subject import load_subject
from capstone.gradcheck.subjects.stored import Stored

DTYPES = ("float64", "float32", "float16", "bfloat16")
OF_THING = {"input": [], "design": "", "backward": "", "dtype": "", "library": "numpy"}
"""Options that describe a check, and what they are if not given."""
OF_CAPSULE = {"replay": None, "print_test": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What says how to check a THING, and what becomes of a failure."""
    group = parser.add_argument_group("a THING")
    add = group.add_argument
    shape = "shape of an input, such as 2,8,16; or 2,5<7 for integers below 7; once for each"
    add("--input", action="append", default=[], metavar="SHAPE", help=shape)
    words = "all inputs at once, by the names of their axes: 'x: B T D; gain: D; ids: B T < V'"
    add("--design", default="", metavar="WORDS", help=words)
    add("--backward", default="", metavar="NAME", help="backward function, in the same module")
    add("--dtype", choices=DTYPES, default="", help="of inputs that are no integers")
    library = "whose arrays the inputs are (default: numpy)"
    add("--library", choices=("numpy", "torch", "jax"), default="numpy", help=library)
    keep = "if it is wrong, shrink the inputs and write the check to this file (.npz)"
    add("--capsule", type=Path, metavar="PATH", help=keep)
    group = parser.add_argument_group("a capsule")
    again = "run the check in this file again; with a THING in place of the subject it names"
    group.add_argument("--replay", type=Path, metavar="FILE", help=again)
    text = "run nothing: print a test that fails as the capsule does, to be copied"
    group.add_argument("--print-test", action="store_true", help=text)


def refuse_options(options: argparse.Namespace) -> None:
    """Built-in subjects have inputs of their own.

    Raises:
        UsageError: an option that is for a THING or for a capsule.
    """
    for name, usual in {**OF_THING, **OF_CAPSULE, "capsule": None}.items():
        if getattr(options, name) != usual:
            flag = f"--{name.replace('_', '-')}"
            needed = "--replay FILE" if name in OF_CAPSULE else "a THING"
            fail("gradcheck", f"{flag} needs {needed}", expected=needed, got="none")


def run(options: argparse.Namespace) -> int:
    """Check a THING or replay a capsule; 0 if it is right, else 1."""
    if options.replay:
        return _replay(options)
    if options.print_test:
        rule = "--print-test needs a capsule"
        fail("gradcheck", rule, expected="--replay FILE", got=options.thing)
    inputs = _inputs(options)
    subject, functions = load_subject("gradcheck", options.thing, inputs, options.backward)
    how = {**functions, "seed": options.seed, **_asked(options)}
    report = check(subject, *inputs, **how, replay=_command(options))
    print(report)
    if options.capsule:
        _keep(options, report, subject, inputs, how)
    write_reports(options, [report])
    return 0 if report.ok else 1


def _replay(options: argparse.Namespace) -> int:
    """The check in a capsule once more, or its test."""
    for name, usual in {**OF_THING, "capsule": None}.items():
        if getattr(options, name) != usual and name != "backward":
            rule = f"--{name} is for a check that is not in a capsule"
            fail("gradcheck", rule, expected="no --replay", got=str(options.replay))
    if options.backward and not options.thing:
        fail("gradcheck", "--backward needs a THING", expected="a THING", got="none")
    capsule = load_capsule(options.replay)
    if options.print_test:
        print(make_test(capsule), end="")
        return 0
    subject: Any = None
    functions: dict[str, Any] = {}
    if options.thing:
        inputs = capsule.restored_inputs()
        subject, functions = load_subject("gradcheck", options.thing, inputs, options.backward)
    report = capsule.replay(subject, **functions)
    print(report)
    write_reports(options, [report])
    return 0 if report.ok else 1


def _keep(
    options: argparse.Namespace,
    report: Report,
    subject: Any,
    inputs: list[Any],
    how: dict[str, Any],
) -> None:
    """A failed check, made small, goes to a file."""
    if report.ok:
        print(f"  capsule      none: {report.name} is right")
        return
    shrunk = shrink(subject, *inputs, **how)
    recipe = named(options.thing, options.backward)
    kept = {**shrunk.options, "recipe": recipe}
    capsule = save_capsule(options.capsule, subject, *shrunk.inputs, **kept)
    shapes = ", ".join(str(tuple(np.shape(thing))) for thing in shrunk.inputs)
    print(f"  capsule      {capsule.command}")
    print(f"               inputs shrunk to {shapes}")


def _inputs(options: argparse.Namespace) -> list[Any]:
    """The arrays that were described, as the library has them.

    Raises:
        UsageError: no description, two, or one that cannot be read.
    """
    if bool(options.input) == bool(options.design):
        rule, got = f"{options.thing} needs its inputs", "both" if options.input else "neither"
        expected = "--input SHAPE for each, or --design WORDS"
        fail("gradcheck", rule, expected=expected, got=got)
    if options.design:
        parts = [part.partition(":") for part in options.design.split(";") if part.strip()]
        arrays = list(design({n.strip(): w for n, _, w in parts}, seed=options.seed).values())
    else:
        rng = np.random.default_rng(options.seed)
        arrays = [make_input("gradcheck", words, rng) for words in options.input]
    return [_as_asked(array, options) for array in arrays]


def _as_asked(array: Array, options: argparse.Namespace) -> Any:
    """In the format and of the library that was asked for."""
    dtype = options.dtype if array.dtype.kind == "f" else ""
    if dtype == "bfloat16":
        if options.library == "numpy":
            rule = "NumPy has no bfloat16"
            fail("--dtype", rule, expected="--library torch or jax", got="numpy")
        return Stored(array.astype(np.float32), options.library, dtype).restore()
    return Stored(array.astype(dtype) if dtype else array, options.library).restore()


def _asked(options: argparse.Namespace) -> dict[str, str]:
    """Depth and method, where they are not left to the check."""
    chosen = {name: getattr(options, name) for name in ("depth", "method")}
    return {name: value for name, value in chosen.items() if value != "auto"}


def _command(options: argparse.Namespace) -> str:
    """What to type to see the same again."""
    words = ["capstone", "gradcheck", options.thing]
    words += [word for shape in options.input for word in ("--input", shape)]
    for name in ("design", "backward", "dtype"):
        value = getattr(options, name)
        words += [f"--{name}", value] if value else []
    words += ["--library", options.library] if options.library != "numpy" else []
    words += [word for name, value in _asked(options).items() for word in (f"--{name}", value)]
    return shlex.join([*words, "--seed", str(options.seed)])
