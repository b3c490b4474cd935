"""Density by layer: where in the model a region lies, layer by layer and module by module, one small panel a region."""

from collections.abc import Mapping
from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.models.adapters import MODULE_ORDER
from langatlas.present import fonts
from langatlas.present.figures import canvas, heatmap

GLOBAL_CMAP, LANGUAGE_CMAP = "Reds", "Blues"  # as the published maps: one colour for the core, another for languages
COLUMNS = 4


def draw(table: pd.DataFrame, axes: Axes, scale: heatmap.Scale):
    """Density of one region: modules at the rows, layers at the columns. ``table``: layer, module, density."""
    cells = table.pivot(index="module", columns="layer", values="density")
    known = [module for module in MODULE_ORDER if module in cells.index]
    cells = cells.reindex([*known, *sorted(set(cells.index) - set(known))])  # what a new family has, last
    image = heatmap.draw_matrix(cells.to_numpy(dtype=float), axes, scale)
    axes.set_aspect("auto")
    axes.set_yticks(range(len(cells)), cells.index)
    step = ceil(cells.shape[1] / 8)
    axes.set_xticks(range(0, cells.shape[1], step), cells.columns[::step])
    return image


def figure(
    region_density: pd.DataFrame, model: str, kinds: list[str], samples: int, ratio: float, own: Mapping | None = None
) -> Figure:
    """Panels of the top regions of the given ``kinds`` (core-global, monolingual, ...): regions of several languages
    first and on one colour scale, those of single languages by family and on another. Without norm vectors.

    ``region_density``: the table of that name; region_language is NaN where a region has several.
    """
    rows = canvas.select(_of_kinds(region_density, kinds), model=model, samples=samples, side="top", ratio=ratio)
    # Norm vectors are short and, by default, not removed: a few of their elements would set the colour scale.
    rows = rows[~rows["module"].str.startswith("norm.")]
    panels = _panels(rows, own)
    columns = min(COLUMNS, len(panels))
    lines = ceil(len(panels) / columns)
    width = 1.8 + columns * max(1.75, 0.08 * rows["layer"].nunique())
    drawing = canvas.new_figure(width, 0.9 + lines * (0.45 + 0.13 * rows["module"].nunique()))
    axes = drawing.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    drawn = {}
    for panel, (name, label, part) in zip(axes.flat, panels, strict=False):
        colours = (
            (GLOBAL_CMAP, "regions of all languages") if label is None else (LANGUAGE_CMAP, "regions of one language")
        )
        alike = rows[rows["region_language"].isna() == (label is None)]
        scale = heatmap.linear_scale(alike["density"].to_numpy(dtype=float), colours[0], low=0)
        drawn[colours[1]] = draw(part, panel, scale), scale
        title = panel.set_title(name if label is None else fonts.full_name(label, own), weight="normal", size=8)
        fonts.style_labels([title], [label or "en"])
    for panel in axes.flat[len(panels) :]:
        panel.set_visible(False)
    for panel in axes.flat[max(0, len(panels) - columns) : len(panels)]:
        panel.tick_params(labelbottom=True)
    for name, (image, scale) in drawn.items():
        heatmap.add_colour_bar(drawing, image, axes, f"density, {name}", scale, percent=True)
    drawing.supxlabel("layer", size=8)
    canvas.headline(drawing, f"Where the regions of {model} lie (top {ratio:.0%}, {samples:,} samples)")
    return drawing


def _of_kinds(table: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """Rows of the weights (not biases) of regions of these kinds."""
    return table[canvas.region_kind(table).isin(kinds) & table["parameter"].str.endswith("weight")]


def _panels(rows: pd.DataFrame, own: Mapping | None) -> list[tuple[str, str | None, pd.DataFrame]]:
    """(region, its language or None, its rows), in the order of drawing."""
    general, single = rows[rows["region_language"].isna()], rows[rows["region_language"].notna()]
    panels = [(region, None, part) for region, part in general.groupby("region")]
    for label in languages.order_by_family(single["region_language"].unique(), own):
        mine = single[single["region_language"] == label]
        panels += [(region, label, part) for region, part in mine.groupby("region")]
    return panels


FIGURE = canvas.Picture(figure, {"region_density": canvas.read_table})
