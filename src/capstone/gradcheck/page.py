"""One self-contained HTML page about any number of checks: no network, light and dark."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Check = Mapping[str, Any]  # a report as `Report.to_dict` gives it

CELL = 14  # pixels of one entry in a heat-map
WIDTH, HEIGHT, MARGIN = 360, 200, 36  # pixels of a curve and of the room for its numbers
STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --paper: #fff; --faint: #66707a;
  --line: #d8dde2; --good: #1a7f37; --bad: #c93c37; --curve: #0969da; }
@media (prefers-color-scheme: dark) { :root:not([data-scheme=light]) { --ink: #dfe5ea;
  --paper: #14181c; --faint: #96a1ab; --line: #333b43; --good: #57ab5a; --bad: #f47067;
  --curve: #6cb6ff; } }
:root[data-scheme=dark] { color-scheme: dark; --ink: #dfe5ea; --paper: #14181c;
  --faint: #96a1ab; --line: #333b43; --good: #57ab5a; --bad: #f47067; --curve: #6cb6ff; }
:root[data-scheme=light] { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible, summary:focus-visible { outline: 2px solid var(--curve); }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.faint { color: var(--faint); } pre { overflow-x: auto; }
details { border-bottom: 1px solid var(--line); padding: .4rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: 2rem; } figure { margin: .5rem 0; }
figcaption { color: var(--faint); } svg text { fill: var(--faint); font-size: 11px; }
#scheme { float: right; }
"""
SCRIPT = """
const root = document.documentElement;
document.getElementById("scheme").addEventListener("click", () => {
  const isDark = root.dataset.scheme ? root.dataset.scheme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.scheme = isDark ? "light" : "dark";
});
document.querySelectorAll("th button").forEach((button) => {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0];
    const column = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
    head.parentNode.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
    const isNumber = head.classList.contains("number");
    const order = (a, b) => isNumber ? key(a) - key(b) : key(a).localeCompare(key(b));
    [...body.rows].sort((a, b) => up ? order(a, b) : order(b, a))
      .forEach((row) => body.append(row));
  });
});
"""
COLUMNS = {
    "what": "",
    "verdict": "",
    "entries": "number",
    "error of norm": "number",
    "allowed": "number",
    "would catch": "number",
    "seconds": "number",
}


def make_page(checks: Sequence[Check], *, run: Mapping[str, Any] | None = None) -> str:
    """The page.

    Args:
        checks: reports, as `Report.to_dict` gives them.
        run: what there is to say of the run that made them, by name.

    Returns:
        HTML that needs no other file.
    """
    wrong = sum(not check["ok"] for check in checks)
    verdict = f"{wrong} of {len(checks)} checks wrong" if wrong else f"{len(checks)} checks right"
    facts = "".join(
        f"<span>{escape(name)} {escape(str(value))}</span> &middot; "
        for name, value in (run or {}).items()
    )
    heads = "".join(
        f'<th class="{kind}" scope="col"><button type="button">{name}</button></th>'
        for name, kind in COLUMNS.items()
    )
    rows = "\n".join(_row(number, check) for number, check in enumerate(checks))
    sections = "\n".join(_section(number, check) for number, check in enumerate(checks))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gradcheck: {verdict}</title>
<style>{STYLE}</style>
</head>
<body>
<button type="button" id="scheme">light / dark</button>
<h1>gradcheck: <span class="{"bad" if wrong else "good"}">{verdict}</span></h1>
<p class="faint">{facts}</p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>Every check</h2>
{sections}
<script>{SCRIPT}</script>
</body>
</html>
"""


def _row(number: int, check: Check) -> str:
    arguments = check["arguments"]
    entries = sum(argument["compared"] for argument in arguments)
    figures = [
        max((a[key] for a in arguments if a[key] is not None), default=None)
        for key in ("norm_error", "norm_allowed", "detection_floor")
    ]
    cells = "".join(_number(value) for value in [entries, *figures, check["seconds"]])
    return (
        f'<tr><td><a href="#check{number}">{escape(check["name"])}</a></td>'
        f"<td>{_verdict(check)}</td>{cells}</tr>"
    )


def _verdict(check: Check) -> str:
    return '<span class="good">ok</span>' if check["ok"] else '<span class="bad">WRONG</span>'


def _number(value: float | None) -> str:
    shown = "-" if value is None else str(value) if isinstance(value, int) else f"{value:.1e}"
    return f'<td class="number" data-key="{-1 if value is None else value}">{shown}</td>'


def _section(number: int, check: Check) -> str:
    """Everything about one check; open if it is wrong."""
    text = f"<pre>{escape(check['text'])}</pre>"
    figures = "".join(_figures(argument) for argument in check["arguments"])
    return (
        f'<details id="check{number}"{"" if check["ok"] else " open"}>'
        f"<summary>{escape(check['name'])}: {_verdict(check)}</summary>"
        f'{text}<div class="figures">{figures}</div></details>'
    )


def _figures(argument: Mapping[str, Any]) -> str:
    name, parts = escape(argument["name"]), []
    if argument.get("errors"):
        caption = f"d({name}): error beside what rounding explains, decades"
        parts.append(_figure(_heat_map(argument["errors"]), caption))
    if argument.get("curve"):
        where = escape(str(argument["worst"]))
        caption = f"d({name}) at {where}: distance from central differences, by their step"
        parts.append(_figure(_curve(argument["curve"]), caption))
    return "".join(parts)


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _heat_map(rows: Sequence[Sequence[float | None]]) -> str:
    """Decades by which errors exceed (red) or stay below (green) their allowance."""
    cells = "".join(
        f'<rect x="{CELL * x}" y="{CELL * y}" width="{CELL}" height="{CELL}" '
        f'fill="{_color(value)}"><title>[{y}, {x}] {_decades(value)}</title></rect>'
        for y, row in enumerate(rows)
        for x, value in enumerate(row)
    )
    width, height = CELL * max(len(row) for row in rows), CELL * len(rows)
    return f'<svg role="img" width="{width}" height="{height}">{cells}</svg>'


def _decades(value: float | None) -> str:
    return "no error at all" if value is None else f"1e{value:+.1f} x allowed"


def _color(decades: float | None) -> str:
    """Green below the allowance, yellow at it, red above; saturated five decades away."""
    if decades is None:
        return "hsl(140 45% 45%)"
    share = max(-1.0, min(1.0, decades / 5))
    return f"hsl({50 - 50 * share if share > 0 else 50 - 90 * share:.0f} 70% 50%)"


def _curve(points: Sequence[Sequence[float]]) -> str:
    """Both axes in decades; a right gradient falls with the step, then rises again."""
    logs = [(math.log10(step), math.log10(error)) for step, error in points if error > 0]
    if len(logs) < 2:
        return ""
    xs, ys = ([point[axis] for point in logs] for axis in (0, 1))
    (left, right), (low, high) = (min(xs), max(xs)), (min(ys), max(ys) + 1e-9)

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - left) / (right - left) * (WIDTH - 2 * MARGIN)
        down = HEIGHT - MARGIN - (y - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return f"{across:.1f},{down:.1f}"

    line = " ".join(place(x, y) for x, y in logs)
    bottom = HEIGHT - MARGIN + 16
    return (
        f'<svg role="img" width="{WIDTH}" height="{HEIGHT}">'
        f'<polyline points="{line}" fill="none" stroke="var(--curve)" stroke-width="2"/>'
        f'<text x="{MARGIN}" y="{bottom}">1e{left:.0f}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{bottom}" text-anchor="end">1e{right:.0f}</text>'
        f'<text x="2" y="{HEIGHT - MARGIN}">1e{low:.0f}</text>'
        f'<text x="2" y="{MARGIN}">1e{high:.0f}</text></svg>'
    )
