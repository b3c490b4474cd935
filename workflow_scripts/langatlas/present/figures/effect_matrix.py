"""Effect matrix: how much removing the region of one language multiplies the perplexity of another."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present.figures import canvas, heatmap

CMAP = "RdBu_r"  # diverging around "no effect", told apart under red-green blindness


def draw(table: pd.DataFrame, axes: Axes, significance: float = 0.05, own: Mapping | None = None) -> Axes:
    """Heat map of ``ratio_to_base``: region languages at the rows, tested languages at the columns.

    ``table``: columns region_language, language, ratio_to_base, ratio_to_random, p_value_holm, one row a cell. A dot
    marks cells hit harder than by the random control with an adjusted p below ``significance``.
    """
    rows = languages.order_by_family(table["region_language"].unique(), own)
    columns = languages.order_by_family(table["language"].unique(), own)
    ratio = _grid(table, "ratio_to_base", rows, columns)
    scale = heatmap.ratio_scale(ratio, CMAP)
    texts = np.vectorize(heatmap.ratio_text, otypes=[object])(ratio)
    image = heatmap.draw_matrix(ratio, axes, scale, texts)
    heatmap.label_languages(axes, rows, columns, own)
    heatmap.mark_diagonal(axes, rows, columns)
    heatmap.bracket_families(axes, [languages.get(label, own) for label in rows], len(columns))
    harder = _grid(table, "p_value_holm", rows, columns) < significance
    harder &= _grid(table, "ratio_to_random", rows, columns) > 1
    y, x = np.nonzero(harder)
    axes.scatter(x + 0.38, y - 0.36, s=2.5, color=heatmap.readable_on(image)[y, x], zorder=4)
    axes.set(xlabel="tested language", ylabel="region removed")
    heatmap.add_colour_bar(axes.figure, image, axes, "perplexity ÷ perplexity of the whole model (log scale)", scale)
    return axes


def figure(
    table: pd.DataFrame,
    model: str,
    kind: str,
    ratio: float,
    samples: int,
    significance: float = 0.05,
    own: Mapping | None = None,
) -> Figure:
    """The effect matrix of one model, kind of region ("monolingual", "language"), ratio and number of samples.

    ``own``: the config's own labels (label -> name, group). ValueError when the table has no such rows.
    """
    rows = canvas.select(
        table.assign(kind=canvas.region_kind(table)), model=model, kind=kind, ratio=ratio, samples=samples
    )
    columns = rows["language"].nunique()
    cell = heatmap.cell_inches(columns)
    drawing = canvas.new_figure(cell * columns + 3.6, cell * rows["region_language"].nunique() + 1.3)
    draw(rows, drawing.add_subplot(), significance, own)
    canvas.headline(
        drawing, f"Perplexity after removing a {kind} region · {model}, top {ratio:.0%}, {samples:,} samples"
    )
    return drawing


def _grid(table: pd.DataFrame, column: str, rows: list[str], columns: list[str]) -> np.ndarray:
    cells = table.pivot(index="region_language", columns="language", values=column)
    return cells.reindex(index=rows, columns=columns).to_numpy(dtype=float, na_value=np.nan)
