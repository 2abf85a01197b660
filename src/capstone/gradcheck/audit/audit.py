"""How strong is a check? Bugs are planted in a backward pass one at a time; it must find them."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from capstone.gradcheck.audit.bug import Bug
from capstone.gradcheck.audit.found import Audit, Outcome
from capstone.gradcheck.audit.plant import places
from capstone.gradcheck.audit.point import Point
from capstone.gradcheck.audit.remedy import remedy
from capstone.gradcheck.audit.right import Right
from capstone.gradcheck.audit.spoil import returned_bugs
from capstone.gradcheck.check import check_subject
from capstone.gradcheck.subjects.subject import Subject

SOURCE, RETURNED = "source", "returned gradients"
SAME = "the gradients are the same wherever they were compared"
ROUNDINGS = 512.0  # by which gradients may differ, in units of eps, and be called the same


def audit(subject: Any, *inputs: Any, **options: Any) -> Audit:
    """Plant bugs in a backward pass, one at a time, and see whether `check` finds them.

    The source is mutated where it is at hand: of an `Op`, of `backward=` and `gradient=`, of the
    class of an object or of a `torch.autograd.Function`, of a function that returns a callback,
    and of the helpers in the same module. Otherwise the gradients are, after they are returned.

    Args:
        subject: whatever `check` takes.
        inputs: as for `check`.
        options: those of `check`.

    Returns:
        What became of every bug.

    Raises:
        UsageError: the gradient is wrong before a bug is planted, or `check` refuses the subject.
    """
    return audit_points([Point(subject, inputs, options)])


def audit_points(points: Sequence[Point], name: str = "") -> Audit:
    """The same with several checks, as a suite has them: a bug is killed if any of them finds it.

    Args:
        points: of one kind of subject, so that they share their source.
        name: what to call it; that of the first report if not given.

    Raises:
        UsageError: as of `audit`.
    """
    started = time.perf_counter()
    rights = [Right(point) for point in points]
    found = Audit(name or rights[0].report.name, SOURCE)
    for bug in _source_bugs(rights[0]):
        found.outcomes.append(_outcome(bug, rights, ROUNDINGS))
    if not found.outcomes:
        found.planted_in = RETURNED
        for right in rights:
            for bug in returned_bugs(right.point, right.gradients[0] or []):
                found.outcomes.append(_outcome(bug, [right], 0.0))
    found.seconds = time.perf_counter() - started
    return found


def _source_bugs(right: Right) -> Iterator[Bug]:
    """Bugs in all functions that give the right gradients when they are compiled anew.

    Others lose something that the source does not show, such as a decorator: every mutant of them
    would seem to be found.
    """
    for place in places(right.point):
        again = place.unchanged(right.point)
        if again is not None and right.is_equivalent(again, ROUNDINGS):
            yield from place.bugs()


def _outcome(bug: Bug, rights: Sequence[Right], roundings: float) -> Outcome:
    planted = [_Planted(bug, right) for right in rights]
    if any(one.is_obvious() for one in planted):
        return Outcome(bug.words, "killed")
    is_equivalent = all(one.is_equivalent(roundings) for one in planted)
    if any(one.is_found(briefly=is_equivalent) for one in planted):
        return Outcome(bug.words, "killed")
    if is_equivalent:
        return Outcome(bug.words, "equivalent", SAME)
    floor = rights[0].floors.get(bug.argument, 0.0)
    if bug.size < floor:
        return Outcome(bug.words, "hidden", f"the check says itself: would have caught {floor:.0e}")
    worst = max(one.difference() for one in planted)
    words = f"gradients differ by {worst:.0e} of the largest" if worst else "no difference here"
    first = planted[0]
    return Outcome(bug.words, "survived", f"{words}; {remedy(bug, first.right.point)}")


class _Planted:
    """A bug at one point, in a subject that is made when it is needed."""

    def __init__(self, bug: Bug, right: Right) -> None:
        self.bug, self.right = bug, right

    def _make(self) -> Subject:
        return self.bug.plant(self.right.point)

    def is_obvious(self) -> bool:
        """Does a gradient at the point itself differ so much that any check must find it?"""
        return self.right.is_shown_by(self._make())

    def is_equivalent(self, roundings: float) -> bool:
        """Are the gradients the same wherever they are compared?"""
        return self.right.is_equivalent(self._make(), roundings)

    def is_found(self, briefly: bool) -> bool:
        """By the check itself; briefly, where the numbers are known to be the same."""
        point = self.right.point
        how = point.changed(depth="projection").how if briefly else point.how
        return not check_subject(self._make(), how).ok

    def difference(self) -> float:
        """The largest difference of the gradients at the point, relative to the largest entry."""
        return self.right.difference(self._make())
