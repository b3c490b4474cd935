"""Silencing: how much holding the neurons of one language at 0 multiplies the perplexity of another, for each method."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from langatlas.present.figures import canvas, effects, heatmap

TITLES = {("lape", "top"): "LAPE", ("precision", "top"): "high average precision", ("precision", "bottom"): "low"}


def figure(
    silencing: pd.DataFrame, model: str, part: str, significance: float = 0.05, own: Mapping | None = None
) -> Figure:
    """One matrix a method and side, as the effect matrix of regions: silenced languages at the rows, tested ones at the columns.

    A dot marks cells hit harder than by silencing random neurons that are as active in the silenced language (adjusted p
    below ``significance``). ``part``: the experiment; ``own``: the config's own labels. ValueError: no such rows.
    """
    rows = canvas.select(silencing, model=model, experiment=part)
    parts = list(rows.groupby(["method", "side"], sort=False))
    columns = rows["language"].nunique()
    cell = heatmap.cell_inches(columns)
    drawing = canvas.new_figure(len(parts) * (cell * columns + 3.2), cell * rows["region_language"].nunique() + 1.6)
    for panel, (key, shown) in zip(drawing.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
        control = {"ratio_to_random": shown["ratio_to_frequency"], "p_value_holm": shown["frequency_p_value_holm"]}
        effects.draw(shown.assign(**control), panel, significance, own)
        panel.set_ylabel("neurons silenced")
        panel.set_title(TITLES[key], weight="normal", size=8)
    canvas.headline(drawing, f"Perplexity after silencing the neurons of a language · {model}, {part}")
    return drawing


FIGURE = canvas.Picture(figure, {"silencing": canvas.read_table})
