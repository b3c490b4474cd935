"""What cutting lines of matrices does: perplexity against the number of lines, by which lines (Zhang et al. 2024, 4.2)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import canvas, heatmap

SIDES = {"top": ("C1", "o"), "middle": ("C3", "^"), "random": ("C2", "D"), "bottom": ("C0", "s")}


def draw(table: pd.DataFrame, axes: Axes) -> Axes:
    """One setting and language: ratio to base against lines, a curve a side, intervals shaded; both axes logarithmic.

    ``table``: columns lines, side, ratio_to_base with _low and _high. Infinite ratios are left out of the curve.
    """
    for side, (colour, marker) in SIDES.items():
        rows = table[(table["side"] == side) & np.isfinite(table["ratio_to_base"])].sort_values("lines")
        axes.plot(rows["lines"], rows["ratio_to_base"], color=colour, marker=marker, markersize=4, label=side)
        axes.fill_between(
            rows["lines"], rows["ratio_to_base_low"], rows["ratio_to_base_high"], color=colour, alpha=0.15
        )
    axes.axhline(1, color="#222222", linewidth=0.8)
    axes.set(xscale="log", yscale="log")
    counts = sorted(table["lines"].unique())
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_tick_params(which="minor", length=0)
    axes.grid(axis="y")
    return axes


def figure(edits: pd.DataFrame, model: str, experiment: str, own: Mapping | None = None) -> Figure:
    """A row a language, a column a setting, axes in common."""
    rows = canvas.select(edits, model=model, experiment=experiment)
    settings = list(dict.fromkeys(rows["setting"]))
    order = languages.order_by_family(rows["language"].unique(), own)
    drawing = canvas.new_figure(1.2 + 2.0 * len(settings), 1.3 + 1.7 * len(order))
    grid = drawing.subplots(len(order), len(settings), sharex=True, sharey=True, squeeze=False)
    for line, language in zip(grid, order, strict=True):
        for axes, setting in zip(line, settings, strict=True):
            draw(rows[(rows["language"] == language) & (rows["setting"] == setting)], axes)
        line[0].set_ylabel(fonts.full_name(language, own))
        fonts.style_labels([line[0].yaxis.label], [language])
    for axes in grid.flat:
        heatmap.ratio_ticks(axes.yaxis)
    for axes, setting in zip(grid[0], settings, strict=True):
        matrices, shared = setting.rsplit(", ", 1) if ", " in setting else (setting, "")
        axes.set_title("\n".join([*matrices.split(" "), shared]).rstrip(), fontsize="small")
    for axes in grid[-1]:
        axes.set_xlabel("lines of each matrix")
    drawing.supylabel("perplexity ÷ whole model's", fontsize="medium")
    handles, names = grid[0, 0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=len(SIDES))
    canvas.headline(drawing, f"Cutting lines that hold most, medium or least of a region of {model}")
    return drawing


FIGURE = canvas.Picture(figure, {"edits": canvas.read_table})
