"""The words of a report: a few lines for what is right, 25 of 100 columns for what is not.

One line may be longer: the command that repeats a check is there to be copied, and stays whole.
"""

from textwrap import wrap

from capstone.gradcheck.diagnosis.phrases import factor_in_words
from capstone.gradcheck.outcome import ArgumentReport, Outcome

WIDTH = 100  # columns
LINES = 25
INDENT = " " * 15  # of the second line of an entry


def in_words(outcome: Outcome) -> str:
    """What `print(report)` shows."""
    return _right(outcome) if outcome.ok else "\n".join([_headline(outcome), *_body(outcome)])


def _right(outcome: Outcome) -> str:
    lines = _wrapped(
        f"{outcome.name}: ok, {outcome.compared} entries by {outcome.method} ({outcome.depth}), "
        f"would have caught {outcome.detection_floor:.0e}"
    )
    for a in outcome.arguments:
        floor = f"would have caught {a.detection_floor:.0e}"
        noise = f", {a.below_noise} entries below the noise" if a.below_noise else ""
        lines += _wrapped(
            f"  {a.name:<12} {a.shape!s:<16} error {a.norm_error:.1e} of the norm, {floor}{noise}"
        )
    for warning in outcome.warnings:
        lines += _wrapped(f"  warning      {warning}")
    return "\n".join(lines)


def _headline(outcome: Outcome) -> str:
    wrong = outcome.wrong_arguments
    if wrong:
        names = listed([f"d({name})" for name in wrong], ", ", 40)
        verb = "disagrees" if len(wrong) == 1 else "disagree"
        return _line(f"{outcome.name}: {names} {verb} with the derivative by {outcome.method}")
    if outcome.findings:
        rules = ", ".join(sorted({finding.rule for finding in outcome.findings}))
        return _line(f"{outcome.name}: the backward pass breaks the protocol: {rules}")
    return _line(f"{outcome.name}: nothing was compared")


def _body(outcome: Outcome) -> list[str]:
    lines = []
    wrong = [argument for argument in outcome.arguments if not argument.is_right]
    for argument in wrong[:3]:
        lines += _explain(argument)
    if len(wrong) > 3:
        lines.append(f"  and          {listed([a.name for a in wrong[3:]], ', ', 60)}")
    right = [argument for argument in outcome.arguments if argument.is_right]
    if wrong and right:
        floor = max(argument.detection_floor for argument in right)
        names = listed([f"{argument.name} ok" for argument in right], "   ", 50)
        lines.append(f"  others       {names}   (would have caught {floor:.0e})")
    for finding in outcome.findings[:3]:
        lines += _wrapped(f"  {finding.rule:<12} {finding.message}", 2)
    for warning in outcome.warnings[:2]:
        lines += _wrapped(f"  warning      {warning}", 2)
    located = _located(outcome)
    lines = [*lines[: LINES - 2 - len(located)], *located]
    replay = outcome.replay.replace("\n", " ")
    return [*map(_line, lines), f"  replay       {replay}"]


def _located(outcome: Outcome) -> list[str]:
    """Two lines at most for each way of finding the place."""
    lines = []
    for found in outcome.located[:3]:
        source, _, words = found.partition(": ")
        lines += _wrapped(f"  {source:<12} {words}", 2)
    return lines


def listed(names: list[str], between: str, room: int) -> str:
    """As many of the names as there is room for, and how many more there are."""
    shown = names[:1]
    for name in names[1:]:
        if len(between.join([*shown, name])) > room:
            break
        shown.append(name)
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return between.join(shown) + more


def _wrapped(words: str, most: int | None = None) -> list[str]:
    """On as many lines as it takes, or at most so many; their indentation is that of an entry."""
    return wrap(words, WIDTH, subsequent_indent=INDENT, max_lines=most, placeholder=" ...")


def _line(words: str) -> str:
    """On one line that fits."""
    words = words.replace("\n", " ")
    return words if len(words) <= WIDTH else words[: WIDTH - 4] + " ..."


def _explain(argument: ArgumentReport) -> list[str]:
    ratio = argument.analytic / argument.numeric if argument.numeric else float("nan")
    size = max(abs(argument.numeric), abs(argument.analytic)) or 1.0
    where = "along a probe" if argument.worst == () and argument.shape else list(argument.worst)
    return [
        f"  argument     {argument.name}  shape {argument.shape}  dtype {argument.dtype}",
        f"  worst        {where}   analytic {argument.analytic:.6g}   "
        f"numeric {argument.numeric:.6g}   ratio {factor_in_words(ratio, digits=4)}",
        f"  error        {argument.error / size:.1e} relative   "
        f"allowed {argument.allowed / size:.1e}   "
        f"{argument.wrong} of {argument.compared} entries differ",
        *_wrapped(f"  diagnosis    {argument.diagnosis}", 2),
    ]
