"""The core region beside regions that were chosen otherwise: what removing each does, a dot a language."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas.present import fonts
from langatlas.present.figures import canvas, heatmap
from langatlas.present.tables import controls as control_table

SPREAD = 0.3  # of a row: languages stand below each other in their order, so that equal values are seen


def draw(table: pd.DataFrame, axes: Axes, own: Mapping | None = None) -> Axes:
    """One row a region, the most harmful on top; dots are languages, the bar is their median; logarithmic axis.

    ``table``: columns region, language, ratio_to_base; ``own``: own labels of the config. Infinite ratios (a collapsed model)
    stand at the right edge.
    """
    medians = table.groupby("region")["ratio_to_base"].median().sort_values(ascending=False)
    finite = table.loc[np.isfinite(table["ratio_to_base"]), "ratio_to_base"]
    edge = finite.max() * 1.05
    for row, region in enumerate(medians.index):
        values = table.loc[table["region"] == region, "ratio_to_base"].clip(upper=edge)
        colour = {"core": "C1", "core-random": "C2", "core-matched": "C2"}.get(region, "C0")
        heights = row + np.linspace(-SPREAD, SPREAD, len(values))
        axes.scatter(values, heights, s=14, color=colour, alpha=0.8, linewidths=0, zorder=3)
        axes.vlines(min(medians[region], edge), row - 0.4, row + 0.4, color=colour, linewidth=2)
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.set_xscale("log")
    heatmap.ratio_ticks(axes.xaxis, 0.12)
    names = [fonts.drawn(control_table.named(region, own), instead=region) for region in medians.index]
    axes.set_yticks(range(len(medians)), names)
    axes.set(ylim=(len(medians) - 0.5, -0.5), xlabel="perplexity ÷ whole model's")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return axes


def figure(controls: pd.DataFrame, model: str, own: Mapping | None = None) -> Figure:
    """Every kind of region in one panel."""
    rows = canvas.select(controls, model=model)
    drawing = canvas.new_figure(7.5, 1.2 + 0.36 * rows["region"].nunique())
    draw(rows, drawing.subplots(), own)
    canvas.headline(drawing, f"Removing {rows['ratio'].iloc[0]:.0%} of each matrix of {model}, chosen by …")
    return drawing


FIGURE = canvas.Picture(figure, {"controls": canvas.read_table})
