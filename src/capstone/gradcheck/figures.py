"""Pictures for the page of reports, as SVG: heat-maps of errors and curves of a disputed entry."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

import numpy as np

Rows = Sequence[Sequence[float | None]]

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
CELL = 16  # pixels of one entry
STEP = 38  # pixels of one color in the legend
SATURATED = 5  # decades from the allowance at which colors no longer change
LEFT, TOP = 64, 18  # pixels for the labels of rows and of columns
WIDTH, HEIGHT, MARGIN = 420, 240, 52  # pixels of a curve and of the room for its labels
ROOM = 16  # pixels at its top and right


def text_of(thing: object) -> str:
    """As text of HTML: escaped, and without what HTML or UTF-8 cannot carry."""
    return escape("".join(c if c.isprintable() or c in "\n\t" else UNKNOWN for c in str(thing)))


def heat_map(rows: Rows, shape: Sequence[int]) -> str:
    """Decades by which errors exceed their allowances: red above, blue below.

    Args:
        rows: as in the report: the leading axes as rows, neighbors folded into one where there are
            too many.
        shape: of the argument.
    """
    n_rows, n_columns = len(rows), max(map(len, rows))
    firsts = [_starts(math.prod(shape[:-1]), n_rows), _starts(shape[-1] if shape else 1, n_columns)]
    width, height = LEFT + CELL * n_columns + ROOM, TOP + CELL * n_rows + 4
    return (
        f'<svg role="img" aria-label="errors of the entries" width="{width}" height="{height}">'
        f"{_areas(rows)}{''.join(_wrong_cells(rows, shape, firsts))}"
        f"{''.join(_labels(shape, firsts))}</svg>"
    )


def _starts(size: int, count: int) -> list[int]:
    """Where the places of an axis begin, if `size` entries share `count` places."""
    return [index * size // count for index in range(count)]


def _areas(rows: Rows) -> str:
    """One path a color: pages hold hundreds of these pictures."""
    paths: dict[str, str] = {}
    for y, row in enumerate(rows):
        x = 0
        for color, run in groupby(row, key=_color):
            width = CELL * len(list(run))
            area = f"M{LEFT + x} {TOP + CELL * y}h{width}v{CELL}h-{width}z"
            paths[color] = paths.get(color, "") + area
            x += width
    return "".join(f'<path fill="{color}" d="{path}"/>' for color, path in paths.items())


def _wrong_cells(rows: Rows, shape: Sequence[int], firsts: list[list[int]]) -> Iterator[str]:
    """A frame, so that color is not all that tells, and the entry in words."""
    for y, row in enumerate(rows):
        for x, decades in enumerate(row):
            if decades is None or decades <= 0:
                continue
            where = f"{_index(firsts[0][y], shape[:-1])}{firsts[1][x]}"
            yield (
                f'<rect x="{LEFT + CELL * x}" y="{TOP + CELL * y}" width="{CELL}" '
                f'height="{CELL}" fill="none" class="wrong" pointer-events="all">'
                f"<title>[{where}] 1e{decades:+.1f} x allowed</title></rect>"
            )


def _labels(shape: Sequence[int], firsts: list[list[int]]) -> Iterator[str]:
    """Indices of columns above, of rows at the left: as many as there is room for."""
    rows, columns = firsts
    for i in range(0, len(columns), 3 if len(columns) > 8 else 1):
        x = LEFT + CELL * (i + 0.5)
        yield f'<text x="{x:g}" y="{TOP - 5}" text-anchor="middle">{columns[i]}</text>'
    for i in range(0, len(rows), 2 if len(rows) > 8 else 1):
        words = _index(rows[i], shape[:-1]).removesuffix(", ")
        y = TOP + CELL * (i + 0.5) + 4
        yield f'<text x="{LEFT - 6}" y="{y:g}" text-anchor="end">{words}</text>'


def _index(row: int, leading: Sequence[int]) -> str:
    """`1, 2, ` for row 5 of leading axes (2, 3); nothing without leading axes."""
    index = np.unravel_index(row, tuple(leading)) if leading else ()
    return "".join(f"{int(i)}, " for i in index)


def _color(decades: float | None) -> str:
    """Pale at the allowance, blue below and red above, in whole decades."""
    share = -1.0 if decades is None else max(-1.0, min(1.0, decades / SATURATED))
    step = math.ceil(abs(share) * SATURATED) / SATURATED
    return f"hsl({8 if share > 0 else 212} 72% {92 - 46 * step:.0f}%)"


def legend() -> str:
    """What the colors of all heat-maps mean."""
    steps = range(-SATURATED, SATURATED + 1)
    cells = "".join(
        f'<rect x="{STEP * i}" y="2" width="{STEP}" height="14" fill="{_color(decades)}"/>'
        f'<text x="{STEP * (i + 0.5)}" y="30" text-anchor="middle">{_power(decades)}</text>'
        for i, decades in enumerate(steps)
    )
    return (
        f'<svg role="img" aria-label="colors from far below to far above the allowance" '
        f'width="{STEP * len(steps)}" height="34">{cells}</svg>'
    )


def _power(decades: int) -> str:
    return "1" if decades == 0 else f"1e{decades:+d}"


def curve(points: Sequence[Sequence[float]], error: float | None) -> str:
    """The distance from central differences by their step, both in decades.

    Args:
        points: `(step, distance)`.
        error: of the gradient, beside its numeric value; a line of its own.
    """
    logs = [(math.log10(step), math.log10(distance)) for step, distance in points if distance > 0]
    if len(logs) < 2:
        return ""
    xs, ys = ([point[axis] for point in logs] for axis in (0, 1))
    frame = _Frame(min(xs), max(xs), math.floor(min(ys)), math.ceil(max(ys) + 1e-9))
    line = " ".join("{:.1f},{:.1f}".format(*frame.place(x, y)) for x, y in logs)
    return (
        f'<svg role="img" aria-label="distance from central differences by their step" '
        f'width="{WIDTH}" height="{HEIGHT}">{frame.grid()}{_level(frame, error)}'
        f'<polyline points="{line}" fill="none" stroke="var(--curve)" stroke-width="2"/></svg>'
    )


def _level(frame: "_Frame", error: float | None) -> str:
    """A dashed line at the error of the gradient."""
    if not error or not frame.low <= math.log10(error) <= frame.high:
        return ""
    _, y = frame.place(frame.left, math.log10(error))
    return (
        f'<path d="M{MARGIN} {y:.1f}H{WIDTH - ROOM}" class="level"/>'
        f'<text x="{MARGIN + 6}" y="{y - 6:.1f}">error {error:.1e}</text>'
    )


class _Frame:
    """Axes of a curve, in decades."""

    def __init__(self, left: float, right: float, low: float, high: float) -> None:
        self.left, self.right, self.low, self.high = left, max(right, left + 1e-9), low, high

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels."""
        across = (x - self.left) / (self.right - self.left)
        up = (y - self.low) / (self.high - self.low)
        return MARGIN + across * (WIDTH - MARGIN - ROOM), ROOM + (1 - up) * (HEIGHT - MARGIN - ROOM)

    def grid(self) -> str:
        """Lines and labels at whole decades, names of the axes."""
        parts = []
        for decade in _decades_between(self.left, self.right):
            x, _ = self.place(decade, self.low)
            parts.append(f'<path d="M{x:.1f} {ROOM}V{HEIGHT - MARGIN}" class="grid"/>')
            parts.append(_tick(x, HEIGHT - MARGIN + 16, "middle", decade))
        for decade in _decades_between(self.low, self.high):
            _, y = self.place(self.left, decade)
            parts.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - ROOM}" class="grid"/>')
            parts.append(_tick(MARGIN - 6, y + 4, "end", decade))
        middle = (HEIGHT - MARGIN + ROOM) / 2
        return (
            f"{''.join(parts)}"
            f'<text x="{(WIDTH + MARGIN) / 2:g}" y="{HEIGHT - 14}" text-anchor="middle">'
            f"step of the central difference</text>"
            f'<text transform="translate(11 {middle:g}) rotate(-90)" text-anchor="middle">'
            f"|analytic - difference|</text>"
        )


def _decades_between(low: float, high: float) -> range:
    """Whole decades, at most eight or so."""
    first, last = math.ceil(low), math.floor(high)
    return range(first, last + 1, max(1, math.ceil((last - first) / 7)))


def _tick(x: float, y: float, anchor: str, decade: int) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">1e{decade}</text>'
