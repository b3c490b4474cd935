"""Region overlap: how many more parameters two languages' regions share than random regions of the same sizes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present.figures import canvas, heatmap, pairs

CMAP = "BrBG"  # diverging around chance, told apart under red-green blindness, and not the colours of effects


def draw(table: pd.DataFrame, axes: Axes, own: Mapping | None = None) -> Axes:
    """Heat map of ``times_chance`` (colour, first line of a cell) with the Jaccard index below it where there is room.

    ``table``: columns language_a, language_b, times_chance, jaccard. The diagonal is left grey: it says nothing.
    """
    order = languages.order_by_family(pairs.labels_of(table), own)
    times = pairs.symmetric(table, "times_chance", order)
    jaccard = pairs.symmetric(table, "jaccard", order)
    np.fill_diagonal(times, np.nan)
    scale = heatmap.ratio_scale(times, CMAP)
    texts = np.vectorize(heatmap.ratio_text, otypes=[object])(times)
    if len(order) <= heatmap.LARGE_MATRIX:
        small = np.vectorize(lambda value: f"\n{value:.3f}".replace("0.", "."), otypes=[object])(jaccard)
        texts = np.where(np.isnan(times), "", texts + small)
        axes.set_xlabel("in each cell: times chance, and below it the Jaccard index itself")
    image = heatmap.draw_matrix(times, axes, scale, texts)
    heatmap.label_languages(axes, order, order, own)
    heatmap.bracket_families(axes, [languages.get(label, own) for label in order], len(order))
    heatmap.add_colour_bar(axes.figure, image, axes, "Jaccard index ÷ that of random regions (log scale)", scale)
    return axes


def figure(
    region_overlap: pd.DataFrame,
    model: str,
    samples: int,
    scope: str,
    side: str,
    ratio: float,
    own: Mapping | None = None,
) -> Figure:
    """Overlaps of the regions of all languages of one model, at one scope, side and ratio."""
    rows = canvas.select(region_overlap, model=model, samples=samples, scope=scope, side=side, ratio=ratio)
    count = len(pairs.labels_of(rows))
    extent = heatmap.cell_inches(count) * count
    drawing = canvas.new_figure(extent + 3.6, extent + 1.3)
    draw(rows, drawing.add_subplot(), own)
    canvas.headline(
        drawing, f"Overlap of languages' regions, times chance · {model}, {side} {ratio:.0%}, {samples:,} samples"
    )
    return drawing


FIGURE = canvas.Picture(figure, {"region_overlap": canvas.read_table})
