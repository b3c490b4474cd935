"""Effect matrix: how much removing the region of one language multiplies the perplexity of another."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from langatlas.present.figures import canvas, effects, heatmap


def figure(
    effect_matrix: pd.DataFrame,
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
    table = effect_matrix.assign(kind=canvas.region_kind(effect_matrix))
    rows = canvas.select(table, model=model, kind=kind, ratio=ratio, samples=samples)
    columns = rows["language"].nunique()
    cell = heatmap.cell_inches(columns)
    drawing = canvas.new_figure(cell * columns + 3.6, cell * rows["region_language"].nunique() + 1.3)
    effects.draw(rows, drawing.add_subplot(), significance, own)
    canvas.headline(
        drawing, f"Perplexity after removing a {kind} region · {model}, top {ratio:.0%}, {samples:,} samples"
    )
    return drawing


FIGURE = canvas.Picture(figure, {"effect_matrix": canvas.read_table})
