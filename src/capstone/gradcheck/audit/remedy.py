"""What would kill a bug that a check lets through: other options, or other inputs."""

from collections.abc import Iterator

from capstone.gradcheck.audit.bug import Bug
from capstone.gradcheck.audit.point import Moved, Point
from capstone.gradcheck.audit.variations import other_values
from capstone.gradcheck.check import check_subject
from capstone.gradcheck.subjects.subject import Subject

NONE = "no other option and no other input that was tried kills it"


def remedy(bug: Bug, point: Point) -> str:
    """The first change that makes the check find the bug, in words.

    Args:
        bug: planted at the point, and not found there.
        point: where the check is right without the bug.
    """
    for words, other in _other_options(point):
        if not _is_right(bug.plant(other), other):
            return f"killed by {words}"
    values = [argument.value for argument in point.make().arguments]
    for words, moved in other_values(values):
        right, planted = Moved(point.make(), moved), Moved(bug.plant(point), moved)
        if _is_right(right, point) and not _is_right(planted, point):
            return f"killed by {words}"
    return NONE


def _is_right(subject: Subject, point: Point) -> bool:
    """Is the check right? Points outside of the domain, and options that do not fit, count so."""
    try:
        return check_subject(subject, point.how).ok
    except Exception:  # nothing that a survivor can be told by
        return True


def _other_options(point: Point) -> Iterator[tuple[str, Point]]:
    changes = {
        "wrt": ("comparing all arguments, without wrt", None),
        "upstream": ("a random upstream gradient, without upstream", None),
        "depth": ("depth='per_entry'", "per_entry"),
        "method": ("method='auto'", "auto"),
    }
    for name, (words, value) in changes.items():
        if point.options.get(name, value) is not value:
            yield words, point.changed(**{name: value})
