"""The picture of `growth.py`: a small panel for each row and quantity, both axes logarithmic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

if TYPE_CHECKING:
    from growth import Growth

UNITS = {"time": ("ms a step", 1e3), "memory": ("MB at the peak", 1e-6)}
COLORS = {"time": "#1f5fa8", "memory": "#a8481f"}
LEGEND = ("measured", "counted, moved to the height of the points", "power law through them")
NAMES = {
    "context": "context T, tokens",
    "width": "width D",
    "layers": "layers L",
    "batch": "batch size B",
}
# None: neither the day nor the version, so that the same figures give the same file
METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}


def draw(growths: list[Growth], out: Path) -> None:
    """Write the picture: time above, memory below, a column for each row."""
    rows = list(dict.fromkeys(growth.row for growth in growths))
    figure = Figure(figsize=(2.6 * len(rows) + 0.6, 5.6), layout="constrained", facecolor="white")
    panels = figure.subplots(2, len(rows), sharex="col", sharey="row", squeeze=False)
    for growth in growths:
        row, column = list(UNITS).index(growth.quantity), rows.index(growth.row)
        draw_panel(panels[row, column], growth)
    for axes, (label, _) in zip(panels[:, 0], UNITS.values(), strict=True):
        axes.set_ylabel(label)
    for axes, name in zip(panels[-1], rows, strict=True):
        axes.set_xlabel(NAMES[name])
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    with matplotlib.rc_context({"svg.hashsalt": "growth"}):  # else the ids in the file are drawn
        figure.savefig(out, dpi=110, metadata=METADATA[out.suffix])


def draw_panel(axes: Axes, growth: Growth) -> None:
    """The points, the power law through them, and the counted values moved to their height."""
    scale, color = UNITS[growth.quantity][1], COLORS[growth.quantity]
    sizes, law, counted = np.array(growth.sizes), *growth.fits()[:2]
    measured, values = scale * np.array(growth.measured), np.array(growth.counted, float)
    values *= np.exp(np.mean(np.log(measured)) - np.mean(np.log(values)))
    ends = sizes[[0, -1]]
    line = [scale * law.at(size) for size in ends]
    axes.loglog(sizes, measured, "o", color=color, markersize=4, label=LEGEND[0])
    axes.loglog(sizes, values, "--", color="0.45", label=LEGEND[1])
    axes.loglog(ends, line, color=color, alpha=0.6, label=LEGEND[2])
    exponent = f"{growth.quantity}: exponent {law.exponent:.2f} ± {law.error:.2f}"
    axes.set_title(f"{exponent}\ncounted {counted.exponent:.2f}", fontsize=9)
    set_ticks(axes, sizes)


def set_ticks(axes: Axes, sizes: np.ndarray) -> None:
    """Labels that do not touch: every doubling of the size, and plain numbers upwards."""
    axes.xaxis.set_major_locator(FixedLocator([sizes[0] * 2**n for n in range(5)]))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
