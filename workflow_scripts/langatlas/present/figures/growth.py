"""How time and memory of the heavy parts grow with parameters, languages and shards, with fitted exponents.

Drawn by the benchmarks (`make bench`), not by a rule: it shows the machine on which they ran.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from langatlas.present import markup
from langatlas.present.figures import canvas

COLUMNS = ("part", "axis", "value", "seconds", "peak_mib")
AXES = {
    "parameters": "parameters of the model",
    "languages": "languages (of the sweep: regions)",
    "shards": "shards of a language",
}
QUANTITIES = {"seconds": "seconds", "peak_mib": "peak memory, MiB"}
PARTS = {
    "importance": ("C1", "o"),
    "selection": ("C0", "s"),
    "removal sweep": ("C3", "D"),
    "adding shards": ("C4", "^"),
}


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Least squares of log(quantity) on log(value): one row a part and axis; columns ``seconds`` and ``peak_mib`` hold slopes.

    ``table``: COLUMNS, two or more different values of each part and axis, all of them positive.
    """
    rows = []
    for (part, axis), points in table.groupby(["part", "axis"], sort=False):
        x = np.log(points["value"].to_numpy(float))
        slopes = {key: np.polyfit(x, np.log(points[key].to_numpy(float)), 1)[0] for key in QUANTITIES}
        rows.append({"part": part, "axis": axis, **slopes})
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame, axes: Axes, quantity: str) -> Axes:
    """One axis of growth and one quantity: measured points of every part, joined, and the exponent in the legend."""
    slopes = exponents(table).set_index("part")[quantity]
    for part, (colour, marker) in PARTS.items():
        points = table[table["part"] == part].sort_values("value")
        if len(points):
            label = f"{part}, exponent {slopes[part]:.2f}".replace("-", "−")
            axes.plot(points["value"], points[quantity], color=colour, marker=marker, label=label)
    axes.set(xscale="log", yscale="log")
    axes.grid()
    low, high = axes.get_ylim()
    if high / low < 30:  # an axis without a decade would have no labels
        middle = np.sqrt(low * high)
        axes.set_ylim(min(low, middle / 5.5), max(high, middle * 5.5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: markup.power_of_ten(round(np.log10(value)))))
    return axes


def figure(table: pd.DataFrame, machine: str) -> Figure:
    """Time above memory, a column an axis of growth. ``table``: COLUMNS; ``machine``: where it was measured, in words."""
    shown = [axis for axis in AXES if (table["axis"] == axis).any()]
    drawing = canvas.new_figure(2.9 * len(shown), 5.6)
    grid = drawing.subplots(2, len(shown), sharex="col", squeeze=False)
    for row, (quantity, unit) in zip(grid, QUANTITIES.items(), strict=True):
        for axes, axis in zip(row, shown, strict=True):
            draw(table[table["axis"] == axis], axes, quantity)
            axes.legend(loc="upper left", fontsize="x-small", borderaxespad=0.1)
            low, high = axes.get_ylim()
            axes.set_ylim(low, high * (high / low) ** 0.35)  # room for the legend
        row[0].set_ylabel(unit)
    for axes, axis in zip(grid[1], shown, strict=True):
        axes.set_xlabel(AXES[axis])
        if axis != "parameters":
            values = np.unique(table.loc[table["axis"] == axis, "value"])
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.tick_params(axis="x", which="minor", length=0)
    canvas.headline(drawing, f"What grows with what ({machine})")
    return drawing
