"""Style and behavior of the page of reports; nothing is loaded from anywhere."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
LIGHT = """--ink: #1c2126; --paper: #fff; --raised: #f3f5f7; --faint: #57606a; --line: #d8dde2;
  --good: #1a7f37; --bad: #b42318; --curve: #0969da; color-scheme: light;"""
DARK = """--ink: #dfe5ea; --paper: #14181c; --raised: #1e242a; --faint: #a3adb7; --line: #39424b;
  --good: #6bc46d; --bad: #ff8a80; --curve: #6cb6ff; color-scheme: dark;"""
STYLE = f"""
:root {{ {LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}
:root[data-scheme=light] {{ {LIGHT} }}
:root[data-scheme=dark] {{ {DARK} }}
* {{ box-sizing: border-box; }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin: 0 0 .3rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
a {{ color: var(--curve); }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); }}
td:first-child {{ overflow-wrap: anywhere; min-width: 12rem; }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }}
thead th {{ position: sticky; top: 0; background: var(--raised); z-index: 1; }}
th button {{ all: unset; cursor: pointer; font-weight: 600; white-space: nowrap; }}
th button::after {{ content: "\\2195"; color: var(--faint); margin-left: .3em; }}
th[aria-sort=ascending] button::after {{ content: "\\2191"; color: var(--ink); }}
th[aria-sort=descending] button::after {{ content: "\\2193"; color: var(--ink); }}
:focus-visible {{ outline: 2px solid var(--curve); outline-offset: 2px; }}
input, select, button.plain {{ font: inherit; color: inherit; background: var(--raised);
  border: 1px solid var(--line); border-radius: 4px; padding: .2rem .6rem; }}
input {{ min-width: 16rem; }}
.tools {{ display: flex; flex-wrap: wrap; gap: .7rem; align-items: center; margin: 1rem 0; }}
.good {{ color: var(--good); }} .bad {{ color: var(--bad); font-weight: 600; }}
.faint {{ color: var(--faint); }} .name {{ overflow-wrap: anywhere; }}
pre {{ overflow-x: auto; background: var(--raised); padding: .7rem; border-radius: 4px;
  font-size: 13px; }}
details {{ border-bottom: 1px solid var(--line); padding: .4rem 0; scroll-margin-top: 3rem; }}
summary {{ cursor: pointer; }} [hidden] {{ display: none; }}
.figures {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
figure {{ margin: .5rem 0; max-width: 100%; overflow-x: auto; }}
figcaption {{ color: var(--faint); max-width: 27rem; overflow-wrap: anywhere; font-size: 13px; }}
.key figcaption {{ max-width: 60rem; margin-top: .3rem; }}
.argument {{ border: 1px solid var(--line); border-radius: 4px; padding: .3rem .7rem;
  align-items: start; }}
svg text {{ fill: var(--faint); font-size: 11px; }}
svg .grid {{ stroke: var(--line); }} svg .wrong {{ stroke: #111; stroke-width: 1; }}
svg .level {{ stroke: var(--bad); stroke-dasharray: 5 4; }}
#scheme {{ float: right; }}
"""
SCRIPT = """
const root = document.documentElement, byId = (id) => document.getElementById(id);
byId("scheme").addEventListener("click", () => {
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
const rows = [...document.querySelectorAll("tbody tr")];
const select = () => {
  const words = byId("filter").value.toLowerCase(), onlyWrong = byId("which").value === "wrong";
  let shown = 0;
  rows.forEach((row) => {
    const fits = row.cells[0].textContent.toLowerCase().includes(words)
      && (!onlyWrong || row.dataset.ok === "false");
    row.hidden = byId(row.dataset.check).hidden = !fits;
    shown += fits;
  });
  byId("shown").textContent = `${shown} of ${rows.length} shown`;
};
byId("filter").addEventListener("input", select);
byId("which").addEventListener("change", select);
const open = () => {
  const target = byId(decodeURIComponent(location.hash.slice(1)));
  if (target) { target.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", open);
select();
open();
"""
