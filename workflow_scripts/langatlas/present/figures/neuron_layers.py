"""Neurons by layer: how many neurons each layer has of each language, by LAPE and by average precision."""

from collections.abc import Mapping
from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import canvas

COLUMNS = 4
# LAPE as bars, average precision as steps over them: the choices differ in number, so shares are drawn.
STEPS = {
    ("precision", "top"): ("#b2182b", "-", "high average precision"),
    ("precision", "bottom"): ("#2166ac", "--", "low"),
}
BARS = "#9ecae1"


def draw(table: pd.DataFrame, axes: Axes) -> Axes:
    """One language: share of its neurons that lies in each layer. ``table``: method, side, layer, n_neurons."""
    handles = {}
    for (method, side), part in table.groupby(["method", "side"], sort=False):
        part = part.sort_values("layer")
        share = part["n_neurons"] / max(part["n_neurons"].sum(), 1)
        if method == "lape":
            handles["LAPE"] = axes.bar(part["layer"], share, width=0.9, color=BARS)
            continue
        colour, line, label = STEPS[method, side]
        (handles[label],) = axes.step(part["layer"], share, where="mid", color=colour, linestyle=line, linewidth=1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.yaxis.set_major_locator(canvas.few_ticks())
    axes.xaxis.get_major_locator().set_params(integer=True)
    return handles


def figure(neuron_layers: pd.DataFrame, model: str, own: Mapping | None = None) -> Figure:
    """Panels of all languages of one model, by family; the number of neurons by LAPE stands in each title.

    ``own``: the config's own labels. ValueError when the table has no such rows.
    """
    rows = canvas.select(neuron_layers, model=model)
    order = languages.order_by_family(rows["language"].unique(), own)
    columns = min(COLUMNS, len(order))
    lines = ceil(len(order) / columns)
    drawing = canvas.new_figure(max(4.5, 1.0 + 1.75 * columns), 1.2 + 1.15 * lines)
    axes = drawing.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    handles = {}
    for panel, label in zip(axes.flat, order, strict=False):
        part = rows[rows["language"] == label]
        handles |= draw(part, panel)
        count = part[part["method"] == "lape"]["n_neurons"].sum()
        title = panel.set_title(f"{fonts.full_name(label, own)} · {count:,}", weight="normal", size=8)
        fonts.style_labels([title], [label])
    for panel in axes.flat[len(order) :]:
        panel.set_visible(False)
    for panel in axes.flat[max(0, len(order) - columns) : len(order)]:
        panel.tick_params(labelbottom=True)
    drawing.supxlabel("layer", size=8)
    drawing.supylabel("share of the language's neurons", size=8)
    if len(handles) > 1:
        drawing.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles), frameon=False)
    canvas.headline(drawing, f"Where language-specific neurons lie · {model}")
    return drawing


FIGURE = canvas.Picture(figure, {"neuron_layers": canvas.read_table})
