"""Verify a backward pass of yours, or every op, layer and model of this package.

A THING is module:name or file.py:name of one of these:

  a forward function     its backward function is called alike (norm_fwd and
                         norm_bwd, f and f_backward) or named by --backward
  an Op, or a layer      an object with forward and backward
  a class or function    that makes one of these without arguments

Its inputs are described by --input, once for each, or all by --design.

Without a THING the built-in subjects are checked, one line each: the entries
compared, the worst error of a gradient relative to its norm beside the error
that rounding explains, what the pass would have caught, and the time.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from capstone._checks import check_not_negative, fail
from capstone.case import Case
from capstone.cases import CASES
from capstone.cli import check_thing
from capstone.cli.report_files import check_paths, write_reports
from capstone.gradcheck import Op, Report, check
from capstone.gradcheck.check import DEPTHS, METHODS

USAGE = """capstone gradcheck THING --input SHAPE [--input SHAPE ...] [options]
       capstone gradcheck THING --design 'NAME: AXES; ...' [options]
       capstone gradcheck [THING] --replay FILE [--print-test] [options]
       capstone gradcheck [-k WORD] [options]"""
EPILOG = """examples:
  capstone gradcheck my.layers:norm --input 3,5,7 --input 7
  capstone gradcheck norm.py:norm_fwd --backward norm_vjp \\
      --design 'x: B T D; gain: D' --capsule norm.npz
  capstone gradcheck --replay norm.npz
  capstone gradcheck --replay norm.npz --print-test > test_norm.py

The exit code is 0 if all is right, 1 if a gradient is wrong, 2 for misuse.
Checking a THING, and replaying a capsule, runs the code of its module."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `capstone gradcheck`."""
    parser.usage, parser.epilog = USAGE, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("thing", nargs="?", metavar="THING", help="such as my.layers:Norm or norm.py:norm_fwd")
    seed = "of the inputs and of the upstream gradients (default: 0)"
    add("--seed", type=int, metavar="N", default=0, help=seed)
    depth = "per_entry compares every entry, projection a few random directions (default: by size)"
    add("--depth", choices=DEPTHS, default="auto", help=depth)
    method = "complex (the complex step) or ladder (real numbers; default: whichever works)"
    add("--method", choices=METHODS, default="auto", help=method)
    add("--json", type=Path, metavar="PATH", help="write what was found as JSON")
    add("--html", type=Path, metavar="PATH", help="write it as a page, with maps of the errors")
    check_thing.add_arguments(parser)
    group = parser.add_argument_group("built-in subjects (without a THING)")
    word = "only those whose name contains WORD, in either case"
    group.add_argument("-k", metavar="WORD", default="", help=word)


def run(options: argparse.Namespace) -> int:
    """Check what was asked for, print what was found; 0 if all is right, else 1."""
    check_not_negative("gradcheck", seed=options.seed)
    check_paths(options)
    if options.thing or options.replay:
        if options.k:
            rule = "-k selects built-in subjects"
            fail("gradcheck", rule, expected="no THING and no --replay", got=f"-k {options.k}")
        return check_thing.run(options)
    check_thing.refuse_options(options)
    return _run_cases(options)


def _run_cases(options: argparse.Namespace) -> int:
    """Check what was selected, print the table and the failures."""
    named = [case for case in CASES if case.id == options.k]
    selected = named or [case for case in CASES if options.k.lower() in case.id.lower()]
    if not selected:
        expected = f"part of one of {', '.join(sorted({case.subject for case in CASES}))}"
        fail("-k", "nothing is selected", expected=expected, got=repr(options.k))
    width = max(len(case.id) for case in selected)
    print(f"{'what':{width}}  entries  worst error  allowed  would catch   time")
    how = {"depth": options.depth, "method": options.method}
    reports = []
    for case in selected:
        replay = f"capstone gradcheck -k {case.id} --seed {options.seed}"
        report = check_case(case, seed=case.seed + options.seed, replay=replay, **how)
        reports.append(report)
        print(f"{case.id:{width}}  {_line(report)}", flush=True)
    wrong = [report for report in reports if not report.ok]
    for report in wrong:
        print(f"\n{report}")
    print(f"\n{_summary(reports, len(wrong))}")
    write_reports(options, reports)
    return 1 if wrong else 0


def check_case(case: Case, dtype: npt.DTypeLike = np.float64, **options: Any) -> Report:
    """Point the verifier at one case of the table; `options` are those of `check`."""
    standard = {"seed": case.seed, "name": case.id}
    return check(subject_of(case, dtype), *case.inputs(dtype), **{**standard, **options})


def subject_of(case: Case, dtype: npt.DTypeLike = np.float64) -> Any:
    """What to check of a case: the pair of functions, or a fresh layer."""
    is_op = case.kind == "op"
    return Op(*case.passes(), options=case.options) if is_op else case.layer(dtype)


def _line(report: Report) -> str:
    verdict = "ok" if report.ok else "WRONG"
    return (
        f"{report.compared:7d}  {report.norm_error:11.1e}  {report.norm_allowed:7.1e}  "
        f"{report.detection_floor:11.1e}  {report.seconds:5.2f}s  {verdict}"
    )


def _summary(reports: list[Report], wrong: int) -> str:
    entries = sum(report.compared for report in reports)
    worst = max(report.norm_error for report in reports)
    seconds = sum(report.seconds for report in reports)
    verdict = f"{wrong} of {len(reports)} WRONG" if wrong else f"all {len(reports)} right"
    return (
        f"{verdict}: {entries} entries compared in {seconds:.1f} s, worst error {worst:.1e} of "
        f"the gradient's norm"
    )
