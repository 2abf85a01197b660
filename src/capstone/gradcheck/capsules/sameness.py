"""Are two failures the same one? Asked while a failing input is made smaller and simpler."""

import re

from capstone.gradcheck.outcome import ArgumentReport, Outcome

NUMBER = r"-?\d[\d.]*(e[+-]?\d+)?"
NUMBERS = re.compile(rf"{NUMBER}(, {NUMBER})*(, \.\.\.)?")
ASIDE = re.compile(r" \(.*\)")  # a guess about sizes, which change


def is_same_failure(one: Outcome, other: Outcome, *, at_same_sizes: bool = False) -> bool:
    """Are the same gradients wrong in the same way, or, if none is, the same rules broken?

    Rules beside wrong gradients are often their echo, which may fall silent; none may join.
    A failure by another numeric method counts as another one: that is what a kink looks like.

    Args:
        one: a failed check.
        other: another check.
        at_same_sizes: the arrays have the same shapes, so that a constant factor, which may be made
            of sizes, must be the same too.
    """
    if other.ok or one.method != other.method or one.wrong_arguments != other.wrong_arguments:
        return False
    rules, others = ({finding.rule for finding in outcome.findings} for outcome in (one, other))
    if not one.wrong_arguments or not others <= rules:
        return others == rules
    if one.depth != other.depth:  # entries and projections are explained in other words
        return True
    pairs = zip(_wrong(one), _wrong(other), strict=True)
    return all(_look(a, at_same_sizes) == _look(b, at_same_sizes) for a, b in pairs)


def _wrong(outcome: Outcome) -> list[ArgumentReport]:
    return [argument for argument in outcome.arguments if not argument.is_right]


def _look(argument: ArgumentReport, at_same_sizes: bool) -> tuple[str, str]:
    """The kind of error, if the diagnosis names one, or the diagnosis without its numbers."""
    words = ASIDE.sub("", argument.diagnosis)
    exact = words if at_same_sizes and "everywhere" in words else ""
    return getattr(argument, "kind", "") or NUMBERS.sub("#", words), exact
