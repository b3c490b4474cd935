"""Core removal: how much zeroing the core region multiplies each language's perplexity, beside random parameters."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import canvas, heatmap
from langatlas.present.published_numbers import load_core

SIDES = {"top": ("C1", "o"), "random": ("C2", "D"), "bottom": ("C0", "s")}
SIDE_NAMES = {"top": "top (most important)", "random": "random", "bottom": "bottom (least important)"}
OFFSETS = {"top": 0.0, "random": -0.22, "bottom": 0.22}  # rows apart: random and bottom often coincide


def draw(table: pd.DataFrame, axes: Axes, order: list[str]) -> Axes:
    """Dots and intervals of one ratio: languages of ``order`` from top to bottom, ratio to base on a log axis.

    ``table``: columns language, side (top, random, bottom), ratio_to_base with _low and _high (NaN where there is no interval).
    Infinite ratios (a collapsed model) become an arrow at the right edge.
    """
    across = axes.get_yaxis_transform()
    for side, (colour, marker) in SIDES.items():
        rows = table[table["side"] == side]
        y = rows["language"].map(order.index).to_numpy(dtype=float) + OFFSETS[side]
        value = rows["ratio_to_base"].to_numpy(dtype=float)
        finite = np.isfinite(value)
        ends = (rows["ratio_to_base_low"][finite], rows["ratio_to_base_high"][finite])
        axes.hlines(y[finite], *ends, color=colour, linewidth=1.1, alpha=0.6)
        dots = {"color": colour, "linewidths": 0, "zorder": 3}
        axes.scatter(value[finite], y[finite], s=17, marker=marker, label=SIDE_NAMES[side], **dots)
        axes.scatter(np.full((~finite).sum(), 0.985), y[~finite], s=20, marker=">", transform=across, **dots)
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.set_xscale("log")
    axes.set(ylim=(len(order) - 0.5, -0.5))
    heatmap.ratio_ticks(axes.xaxis)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.hlines(np.arange(1, len(order)) - 0.5, 0, 1, transform=across, color="#eeeeee", linewidth=0.6)
    axes.set_xlabel("perplexity ÷ whole model's")
    return axes


def figure(
    core_removal: pd.DataFrame,
    model: str,
    region: str,
    samples: int,
    published: pd.DataFrame | None = None,
    published_model: str = "",
    own: Mapping | None = None,
) -> Figure:
    """One panel a ratio, one log axis in common; published numbers, if given, in a panel with an axis of their own.

    ``published``: as ``published.load_core`` reads it, of which ``published_model`` is shown. Its collapse is four orders of
    magnitude larger than a small model's and would flatten our panels on a common axis.
    """
    removed = core_removal[core_removal["side"].isin(SIDES)]
    rows = canvas.select(removed, model=model, region=region, samples=samples)
    order = languages.order_by_family(rows["language"].unique(), own)
    ratios = sorted(rows["ratio"].unique())
    panels = len(ratios) + (published is not None)
    drawing = canvas.new_figure(1.5 + 2.0 * panels, 1.5 + 0.27 * len(order))
    axes = drawing.subplots(1, panels, sharey=True, squeeze=False)[0]
    for panel, ratio in zip(axes, ratios, strict=False):
        draw(rows[rows["ratio"] == ratio], panel, order)
        panel.set_title(f"{ratio:.0%} removed" if ratio >= 0.01 else f"{ratio:.2%} removed")
    limits = [panel.get_xlim() for panel in axes[: len(ratios)]]
    for panel in axes[: len(ratios)]:
        panel.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
        heatmap.ratio_ticks(panel.xaxis)
    if published is not None:
        _draw_published(canvas.select(published, model=published_model), axes[-1], order)
    axes[0].set_yticks(range(len(order)), [fonts.full_name(label, own) for label in order])
    fonts.style_labels(axes[0].get_yticklabels(), order)
    handles, names = axes[0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=3)
    canvas.headline(drawing, f"Removing the {region} region of {model} ({samples:,} samples a language)")
    return drawing


def _draw_published(published: pd.DataFrame, axes: Axes, order: list[str]) -> None:
    """The published ratios, tinted, on an axis of their own; they come without intervals."""
    rows = published[published["side"].isin(SIDES) & published["language"].isin(order)]
    draw(rows.assign(ratio_to_base_low=rows["ratio_to_base"], ratio_to_base_high=rows["ratio_to_base"]), axes, order)
    axes.set_facecolor("#f6f3ea")
    names = [*rows["model"].unique(), *(f"{share:.0%}" for share in rows["ratio"].unique())]
    axes.set_title("published: " + ", ".join(names), weight="normal")


FIGURE = canvas.Picture(figure, {"core_removal": canvas.read_table, "published": load_core})
