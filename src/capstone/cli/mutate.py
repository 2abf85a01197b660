"""Plant bugs in a backward pass, one at a time, and see whether the check finds them.

Built-in ops and layers go by their names, with all their cases. Other functions are named as
module:function or file.py:function, with their forward function and the shapes of their inputs.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from capstone._checks import check_choice, fail
from capstone._files import replacing
from capstone.case import Case
from capstone.cases import CASES
from capstone.cli.gradcheck import subject_of
from capstone.cli.load import make_input
from capstone.cli.report_files import check_paths
from capstone.gradcheck import Op
from capstone.gradcheck.audit.audit import audit_points
from capstone.gradcheck.audit.found import Audit
from capstone.gradcheck.audit.point import Point
from capstone.gradcheck.subjects.references import load_thing

SCHEMA = "capstone-audit/1"
SUBJECTS = list(dict.fromkeys(case.subject for case in CASES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `capstone mutate`."""
    parser.add_argument("what", nargs="*", metavar="WHAT", help="such as rmsnorm or my.py:norm_bwd")
    parser.add_argument("--all", action="store_true", help="every built-in op and layer")
    parser.add_argument("--forward", metavar="NAME", help="forward function, in the same module")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="SHAPE",
        help="of an input, such as 2,8,16; or 2,5<7 for integers below 7; once for each",
    )
    parser.add_argument(
        "--show-equivalent",
        action="store_true",
        help="print the bugs that change nothing, too, to judge whether that is so",
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the outcome to a file")


def run(options: argparse.Namespace) -> int:
    """Audit what was asked for; 0 if no bug survives, else 1."""
    if bool(options.what) == options.all:
        fail("mutate", "say what to mutate", expected="names, or --all", got=_got(options))
    check_paths(options)
    audits = []
    for what in SUBJECTS if options.all else options.what:
        audit = audit_points(_points(what, options), what)
        more = ["equivalent"] if options.show_equivalent else []
        print(audit.in_words("survived", "hidden", *more), flush=True)
        audits.append(audit)
    survived = sum(len(audit.survivors) for audit in audits)
    planted = sum(len(audit.outcomes) for audit in audits)
    print(f"\n{survived} of {planted} planted bugs survive")
    if options.json:
        _write(options.json, audits, "all" if options.all else ", ".join(options.what))
    return 1 if survived else 0


def _got(options: argparse.Namespace) -> str:
    return "both" if options.all else "neither"


def _points(what: str, options: argparse.Namespace) -> list[Point]:
    """Where to check: at all cases of a built-in subject, or at the inputs that were described."""
    if ":" not in what:
        check_choice("mutate", "subject", what, SUBJECTS)
        if options.forward or options.input:
            rule, expected = f"{what} brings its own inputs", "no --forward and no --input"
            fail("mutate", rule, expected=expected, got="some")
        return [point_of(case) for case in CASES if case.subject == what]
    if not options.forward or not options.input:
        rule = f"{what} needs its forward function and its inputs"
        fail("mutate", rule, expected="--forward NAME and --input SHAPE", got="not both")
    place, _, name = what.partition(":")
    backward = load_thing("mutate", what)
    forward = load_thing("mutate", f"{place}:{options.forward}")
    rng = np.random.default_rng(0)
    inputs = [make_input("mutate", words, rng) for words in options.input]
    return [Point(Op(forward, backward, name=name), inputs, {})]


def point_of(case: Case) -> Point:
    """A built-in case, as audits want it."""
    return Point(subject_of(case), case.inputs(), {"seed": case.seed, "name": case.id})


def _write(path: Path, audits: list[Audit], selection: str) -> None:
    whole = {
        "schema": SCHEMA,
        "selection": selection,
        "subjects": [audit.to_dict() for audit in audits],
    }
    try:
        with replacing(path) as file:
            file.write(json.dumps(whole, indent=1).encode())
    except OSError as error:
        fail("--json", "must be writable", expected="a path in a folder", got=str(error))
