"""One self-contained HTML page about any number of checks: no network, light and dark."""

from collections.abc import Mapping, Sequence
from typing import Any

from capstone.gradcheck.figures import curve, heat_map, legend, text_of
from capstone.gradcheck.page_parts import POLICY, SCRIPT, STYLE

Check = Mapping[str, Any]  # a report as `Report.to_dict` gives it

COLUMNS = {
    "what": "",
    "verdict": "",
    "entries": "number",
    "error of norm": "number",
    "allowed": "number",
    "would catch": "number",
    "seconds": "number",
}
ALARMS = ("failed", "errors", "exit_status")  # of a run; anything but 0 is bad news
COLORS = """Heat-maps: each cell is an entry (the worst of several that share a cell), blue if its
error is within what rounding allows, red and framed if it is above, by these factors. Leading axes
are rows, the last axis runs across."""
V = """Curves: how far the gradient of the worst entry is from central differences, by their step,
both in decades. Of a right gradient this is a V: rounding makes the left arm, which falls as the
step grows, truncation the right one, which rises. A wrong gradient keeps its distance: the curve
levels off at its error (dashed)."""


def make_page(checks: Sequence[Check], *, run: Mapping[str, Any] | None = None) -> str:
    """The page.

    Args:
        checks: reports, as `Report.to_dict` gives them, each with its `test` if there is one.
        run: what there is to say of the run that made them, by name.

    Returns:
        HTML that needs no other file.
    """
    wrong = sum(not _is_right(check) for check in checks)
    verdict = _in_words(len(checks), wrong)
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
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gradcheck: {verdict}</title>
<style>{STYLE}</style>
</head>
<body>
<button type="button" class="plain" id="scheme">light / dark</button>
<h1>gradcheck: <span class="{"bad" if wrong or not checks else "good"}">{verdict}</span></h1>
<p class="faint">{_facts(run or {})}</p>
<div class="tools">
<label>filter <input id="filter" type="search" placeholder="part of a name"></label>
<label>show <select id="which"><option>all</option><option>wrong</option></select></label>
<span id="shown" class="faint" role="status"></span>
</div>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>Every check</h2>
<figure class="key">{legend()}<figcaption>{COLORS}</figcaption><figcaption>{V}</figcaption></figure>
{sections}
<script>{SCRIPT}</script>
</body>
</html>
"""


def _in_words(count: int, wrong: int) -> str:
    if not count:
        return "nothing was checked"
    noun = "check" if count == 1 else "checks"
    return f"{wrong} of {count} {noun} wrong" if wrong else f"{count} {noun} right"


def _facts(run: Mapping[str, Any]) -> str:
    """What there is to say of the run, without what is empty."""
    shown = {n: ", ".join(map(str, v)) if isinstance(v, list) else v for n, v in run.items()}
    return " &middot; ".join(
        f'<span class="{"bad" if name in ALARMS and value else ""}">'
        f"{text_of(name.replace('_', ' '))} {text_of(value)}</span>"
        for name, value in shown.items()
        if value != ""
    )


def _row(number: int, check: Check) -> str:
    arguments = check["arguments"]
    entries = sum(argument["compared"] for argument in arguments)
    figures = [
        max((a[key] for a in arguments if a[key] is not None), default=None)
        for key in ("norm_error", "norm_allowed", "detection_floor")
    ]
    cells = "".join(map(_number, [entries, *figures])) + _number(check["seconds"], ".2f")
    return (
        f'<tr data-check="check{number}" data-ok="{str(_is_right(check)).lower()}">'
        f'<td><a href="#check{number}">{text_of(check["name"])}</a></td>'
        f"<td>{_verdict(check)}</td>{cells}</tr>"
    )


def _is_right(check: Check) -> bool:
    return bool(check["ok"]) and not check.get("missed")


def _verdict(check: Check) -> str:
    if _is_right(check):
        return '<span class="good">ok</span>'
    return f'<span class="bad">{"WEAK" if check["ok"] else "WRONG"}</span>'


def _number(value: float | None, digits: str = ".1e") -> str:
    shown = "-" if value is None else str(value) if isinstance(value, int) else f"{value:{digits}}"
    return f'<td class="number" data-key="{-1 if value is None else value}">{shown}</td>'


def _section(number: int, check: Check) -> str:
    """Everything about one check; open if it is wrong."""
    test = f'<p class="faint name">{text_of(check["test"])}</p>' if check.get("test") else ""
    figures = "".join(_figures(argument) for argument in check["arguments"])
    return (
        f'<details id="check{number}"{"" if _is_right(check) else " open"}>'
        f'<summary><span class="name">{text_of(check["name"])}</span>: {_verdict(check)}</summary>'
        f"{test}<pre>{text_of(check['text'])}</pre>"
        f'{_missed(check)}<div class="figures">{figures}</div></details>'
    )


def _missed(check: Check) -> str:
    """Planted errors that the check let through, where that was tried."""
    if not check.get("missed"):
        return ""
    return f'<p class="bad">passes planted errors: {text_of(", ".join(check["missed"]))}</p>'


def _figures(argument: Mapping[str, Any]) -> str:
    name, parts = text_of(argument["name"]), []
    if argument.get("errors"):
        caption = f"d({name}), shape {text_of(tuple(argument['shape']))}"
        parts.append(_figure(heat_map(argument["errors"], argument["shape"]), caption))
    picture = curve(argument["curve"], argument["error"]) if argument.get("curve") else ""
    if picture:
        where = f" at {text_of(list(argument['worst']))}" if argument["worst"] else ""
        parts.append(_figure(picture, f"d({name}){where}"))
    return f'<div class="figures argument">{"".join(parts)}</div>' if parts else ""


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
