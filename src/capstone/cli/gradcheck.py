"""Verify every op, every layer and small whole models of this package.

The table has one line a subject: entries compared, the worst error of a gradient relative to its
norm beside the error that rounding explains, what the pass would have caught, and the time.
"""

import argparse
from typing import Any

import numpy as np
import numpy.typing as npt

from capstone._checks import check_not_negative, fail
from capstone.case import Case
from capstone.cases import CASES
from capstone.gradcheck import Op, Report, check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `capstone gradcheck`."""
    parser.add_argument(
        "-k",
        metavar="WORD",
        default="",
        help="only the subjects whose name contains WORD, in either case",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        default=0,
        help="another draw of the upstream gradients (default: 0)",
    )


def run(options: argparse.Namespace) -> int:
    """Check what was selected, print the table and the failures; 0 if all is right, else 1."""
    check_not_negative("gradcheck", seed=options.seed)
    named = [case for case in CASES if case.id == options.k]
    selected = named or [case for case in CASES if options.k.lower() in case.id.lower()]
    if not selected:
        expected = f"part of one of {', '.join(sorted({case.subject for case in CASES}))}"
        fail("-k", "nothing is selected", expected=expected, got=repr(options.k))
    width = max(len(case.id) for case in selected)
    print(f"{'what':{width}}  entries  worst error  allowed  would catch   time")
    reports = []
    for case in selected:
        replay = f"capstone gradcheck -k {case.id} --seed {options.seed}"
        report = check_case(case, seed=case.seed + options.seed, replay=replay)
        reports.append(report)
        print(f"{case.id:{width}}  {_line(report)}", flush=True)
    wrong = [report for report in reports if not report.ok]
    for report in wrong:
        print(f"\n{report}")
    print(f"\n{_summary(reports, len(wrong))}")
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
