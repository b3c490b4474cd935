"""Regions and neurons side by side: what sets of equal size do, which isolates a language best, and where the two agree."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from langatlas import languages
from langatlas.models.adapters import ALL_MODULES
from langatlas.present import fonts
from langatlas.present.figures import canvas, effects, heatmap

METHODS = {"importance": ("region", "C0"), "lape": ("LAPE", "C1"), "precision": ("average precision", "C3")}
GREY = "#888888"
ALL = ""  # the row of all languages


def draw_isolation(table: pd.DataFrame, axes: Axes, own: Mapping | None = None) -> None:
    """Own effect divided by the effect on others: a row a language and one for all, methods by colour, smaller sets hollow.

    ``table``: the rows without reference of the table `isolation`. Grey crosses: random controls.
    """
    order = [*languages.order_by_family(table["region_language"].dropna().unique(), own), ALL]
    shares = sorted(table["size_share"].unique(), reverse=True)
    methods = [method for method in METHODS if method in set(table["method"])]
    steps = np.linspace(-0.32, 0.32, len(methods) * len(shares))
    table = table.assign(row=table["region_language"].fillna(ALL).map(order.index))
    for m, method in enumerate(methods):
        label, colour = METHODS[method]
        for s, share in enumerate(shares):
            chosen = table[(table["method"] == method) & (table["size_share"] == share)]
            top, random = chosen[chosen["side"] == "top"], chosen[chosen["side"] == "random"]
            height = steps[m * len(shares) + s]
            ends = [top["isolation"] - top["isolation_low"], top["isolation_high"] - top["isolation"]]
            face, size = (colour, "") if share == shares[0] else ("white", f", {share:g} of the size")
            axes.scatter(
                random["isolation"], random["row"] + height, marker="x", s=10, color=GREY, linewidths=0.8, zorder=2
            )
            axes.errorbar(
                top["isolation"], top["row"] + height, xerr=ends, fmt="o", markersize=4, color=colour, markerfacecolor=face,
                linewidth=1, label=label + size,
            )  # fmt: skip
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.axhline(len(order) - 1.5, color=GREY, linewidth=0.6)
    axes.set_xscale("log")
    heatmap.ratio_ticks(axes.xaxis, 0.12)
    axes.set(ylim=(len(order) - 0.5, -0.5), xlabel="isolation: own effect ÷ effect on others")
    axes.set_yticks(range(len(order)), [fonts.full_name(label, own) if label else "all" for label in order])
    fonts.style_labels(axes.get_yticklabels()[:-1], order[:-1])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def draw_shares(table: pd.DataFrame, axes: Axes, own: Mapping | None = None) -> None:
    """How many times chance a region lies in its own neurons (large) and in those of other languages (small), by method.

    ``table``: rows of the table `region_neurons` of all modules together.
    """
    order = languages.order_by_family(table["region_language"].unique(), own)
    methods = [method for method in METHODS if method in set(table["method"])]
    table = table.assign(row=table["region_language"].map(order.index))
    for m, method in enumerate(methods):
        height = np.linspace(-0.15, 0.15, len(methods))[m] if len(methods) > 1 else 0
        chosen = table[table["method"] == method]
        mine = chosen["region_language"] == chosen["neuron_language"]
        _, colour = METHODS[method]
        for part, size, strength in ((chosen[~mine], 10, 0.45), (chosen[mine], 42, 1)):
            places = part["line_times_chance"], part["row"] + height
            axes.scatter(*places, s=size, color=colour, alpha=strength, linewidths=0, zorder=3)
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.set(ylim=(len(order) - 0.5, -0.5), xlim=(0, None), xlabel="region in neurons' lines ÷ chance")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{value:g}"))
    axes.set_yticks(range(len(order)), [fonts.full_name(label, own) for label in order])
    fonts.style_labels(axes.get_yticklabels(), order)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def draw_activation(table: pd.DataFrame, axes: Axes) -> None:
    """Rank correlation of importance and activation by layer: a thin line a language with its interval, their mean thick.

    Dashed: the mean with activation in other languages. ``table``: the table `importance_activation`.
    """
    rows = table[table["layer"].notna()]
    for _, part in rows.groupby("language", sort=False):
        part = part.sort_values("layer")
        axes.plot(part["layer"], part["activation_rho"], color="C0", linewidth=0.6, alpha=0.6)
        axes.fill_between(
            part["layer"], part["activation_rho_low"], part["activation_rho_high"], color="C0", alpha=0.06, linewidth=0
        )
    means = rows.groupby("layer")[["activation_rho", "activation_rho_others"]].mean()
    axes.plot(means.index, means["activation_rho"], color="C0", linewidth=2, label="same language")
    axes.plot(
        means.index,
        means["activation_rho_others"],
        color="#222222",
        linewidth=1,
        linestyle="--",
        label="other languages",
    )
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set(xlabel="layer", ylabel="rank correlation")
    axes.legend(loc="best")


def figure(
    equal_removal: pd.DataFrame,
    isolation: pd.DataFrame,
    region_neurons: pd.DataFrame,
    importance_activation: pd.DataFrame,
    model: str,
    part: str,
    own: Mapping | None = None,
) -> Figure:
    """Above one effect matrix a method, in one scale of colours; below isolation, shares of regions in neurons, correlations.

    The tables of those names; of ``equal_removal`` the largest sets are drawn. ``part``: the experiment that removes them.
    ``own``: the config's own labels. ValueError where another table has no rows of the model.
    """
    if model not in set(equal_removal["model"]):
        return _empty(model)
    removed, isolation = (canvas.select(table, model=model, experiment=part) for table in (equal_removal, isolation))
    shares, activation = (canvas.select(table, model=model) for table in (region_neurons, importance_activation))
    removed = removed[(removed["side"] == "top") & (removed["size_share"] == removed["size_share"].max())]
    tested = removed["language"].nunique()
    cell = heatmap.cell_inches(tested)
    above = cell * removed["region_language"].nunique() + 1.5
    below = 1.0 + 0.36 * max(4, shares["region_language"].nunique() + 1)
    methods = [method for method in METHODS if method in set(removed["method"])]
    width = max(9.0, len(methods) * (cell * tested + 0.4) + 2.8)
    drawing = canvas.new_figure(width, above + below + 0.4)
    upper, lower = drawing.subfigures(2, 1, height_ratios=[above, below])
    panels = upper.subplots(1, len(methods), squeeze=False)[0]
    scale = heatmap.ratio_scale(removed["ratio_to_base"].to_numpy(float), effects.CMAP)
    for panel, method in zip(panels, methods, strict=True):
        image, _, _ = effects.draw_cells(removed[removed["method"] == method], panel, scale, own)
        panel.set_title(METHODS[method][0], weight="normal", size=8)
    panels[0].set_ylabel("set removed")
    for panel in panels[1:]:
        panel.set_yticklabels([])
    heatmap.add_colour_bar(drawing, image, list(panels), "perplexity ÷ whole model's", scale)
    left, middle, right = lower.subplots(1, 3, width_ratios=[4, 3, 3])
    draw_isolation(isolation[isolation["reference"].isna()], left, own)
    draw_shares(shares[shares["module"] == ALL_MODULES], middle, own)
    draw_activation(activation, right)
    for panel, title in ((left, "isolation"), (middle, "regions in neurons"), (right, "importance and activation")):
        panel.set_title(title, weight="normal", size=8)
    handles, labels = left.get_legend_handles_labels()
    lower.legend(handles, labels, loc="outside lower left", ncols=min(6, len(labels)))
    canvas.headline(drawing, f"Regions and neurons, removed at equal size · {model}, {part}")
    return drawing


def _empty(model: str) -> Figure:
    """A picture that says why there is nothing to draw."""
    drawing = canvas.new_figure(6, 1)
    drawing.text(
        0.01, 0.3, "No language has a region and neurons by every method, so no sets of equal size were removed."
    )
    canvas.headline(drawing, f"Regions and neurons · {model}")
    return drawing


FIGURE = canvas.Picture(
    figure,
    {
        "equal_removal": canvas.read_table,
        "isolation": canvas.read_table,
        "region_neurons": canvas.read_table,
        "importance_activation": canvas.read_table,
    },
)
