"""Cells of effects: how much taking away what belongs to one language multiplies the perplexity of another."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from langatlas import languages
from langatlas.present.figures import heatmap

CMAP = "RdBu_r"  # diverging around "no effect", told apart under red-green blindness


def draw(table: pd.DataFrame, axes: Axes, significance: float = 0.05, own: Mapping | None = None) -> Axes:
    """Heat map of ``ratio_to_base`` with brackets of families and a colour bar, as ``draw_cells`` lays it out.

    ``table``: columns region_language, language, ratio_to_base, ratio_to_random, p_value_holm, one row a cell. A dot
    marks cells hit harder than by the random control with an adjusted p below ``significance``.
    """
    scale = heatmap.ratio_scale(table["ratio_to_base"].to_numpy(float), CMAP)
    image, rows, columns = draw_cells(table, axes, scale, own)
    heatmap.bracket_families(axes, [languages.get(label, own) for label in rows], len(columns))
    harder = grid(table, "p_value_holm", rows, columns) < significance
    harder &= grid(table, "ratio_to_random", rows, columns) > 1
    y, x = np.nonzero(harder)
    axes.scatter(x + 0.38, y - 0.36, s=2.5, color=heatmap.readable_on(image)[y, x], zorder=4)
    axes.set_ylabel("region removed")
    heatmap.add_colour_bar(axes.figure, image, axes, "perplexity ÷ perplexity of the whole model (log scale)", scale)
    return axes


def draw_cells(
    table: pd.DataFrame, axes: Axes, scale: heatmap.Scale, own: Mapping | None = None
) -> tuple[AxesImage, list[str], list[str]]:
    """Languages of what was taken away at the rows, tested ones at the columns; also returns both in their order."""
    rows = languages.order_by_family(table["region_language"].unique(), own)
    columns = languages.order_by_family(table["language"].unique(), own)
    ratio = grid(table, "ratio_to_base", rows, columns)
    image = heatmap.draw_matrix(ratio, axes, scale, np.vectorize(heatmap.ratio_text, otypes=[object])(ratio))
    heatmap.label_languages(axes, rows, columns, own)
    heatmap.mark_diagonal(axes, rows, columns)
    axes.set_xlabel("tested language")
    return image, rows, columns


def grid(table: pd.DataFrame, column: str, rows: list[str], columns: list[str]) -> np.ndarray:
    """Values of ``column`` as a matrix; NaN where there is no row."""
    cells = table.pivot(index="region_language", columns="language", values=column)
    return cells.reindex(index=rows, columns=columns).to_numpy(dtype=float, na_value=np.nan)
