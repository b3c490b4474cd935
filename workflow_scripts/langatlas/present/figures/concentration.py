"""Are regions concentrated? Gini of the counts by line of each axis, and Moran's I, of every matrix against chance."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import canvas

MEASURES = {
    "gini-head": "lines of heads\nGini − chance",
    "gini-residual": "lines of the residual stream\nGini − chance",
    "gini-ffn": "neurons\nGini − chance",
    "moran": "neighbours in the matrix\nMoran's I − chance",
}
SPREAD = 0.25  # of a row: matrices stand below each other by layer, so that equal values are seen


def draw(table: pd.DataFrame, axes: Axes, order: list[str]) -> Axes:
    """One measure: a row a region, a dot a matrix, their median as a bar; grey: chance, two deviations to either side.

    Chance is taken off each matrix: it differs where a region takes more of some matrices than of others. ``table``:
    columns region, region_language, layer, statistic, null_mean, null_sd. ``order``: regions from the top.
    """
    for row, region in enumerate(order):
        part = table[table["region"] == region].sort_values("layer", kind="stable")
        colour = "C1" if part["region_language"].isna().all() else "C0"
        excess, deviation = part["statistic"] - part["null_mean"], part["null_sd"].median()
        axes.barh(row, 4 * deviation, left=-2 * deviation, height=0.8, color="#bbbbbb", linewidth=0)
        heights = row + np.linspace(-SPREAD, SPREAD, max(len(part), 2))[: len(part)]
        axes.scatter(excess, heights, s=8, color=colour, alpha=0.7, linewidths=0, zorder=3)
        axes.vlines(excess.median(), row - 0.4, row + 0.4, color=colour, linewidth=2, zorder=4)
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.xaxis.set_major_locator(canvas.few_ticks())
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return axes


def figure(concentration: pd.DataFrame, model: str, own: Mapping | None = None) -> Figure:
    """A panel a measure, the core above the regions of languages."""
    rows = canvas.select(concentration, model=model)
    rows = rows[rows["scope"] == "matrix"]
    by_language = rows.dropna(subset="region_language").drop_duplicates("region").set_index("region_language")["region"]
    labels = list(languages.order_by_family(by_language.index, own))
    core = list(rows.loc[rows["region_language"].isna(), "region"].unique())
    measures = [name for name in MEASURES if (rows["measure"] == name).any()]
    drawing = canvas.new_figure(2.4 + 1.9 * len(measures), 1.4 + 0.3 * (len(core) + len(labels)))
    panels = drawing.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        draw(rows[rows["measure"] == measure], axes, [*core, *by_language[labels]])
        title, unit = MEASURES[measure].split("\n")
        axes.set(xlabel=unit)
        axes.set_title(title, fontsize="small")
    names = [fonts.full_name(label, own) for label in labels]
    panels[0].set_yticks(range(len(core) + len(names)), [*("the core" if c == "core" else c for c in core), *names])
    fonts.style_labels(panels[0].get_yticklabels()[len(core) :], labels)
    canvas.headline(drawing, f"Where the parameters of regions lie in the matrices of {model}, against chance")
    return drawing


FIGURE = canvas.Picture(figure, {"concentration": canvas.read_table})
