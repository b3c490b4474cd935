"""Curves of further pretraining: perplexity against training samples, an arm a curve, a tested language a panel."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import canvas, heatmap

MOST_PANELS = 4
DODGE = 0.05
MASTER_LINES = {"corrected": "-", "published": "--"}
COLOURS = {
    ("full", "none"): "C5", ("freeze", "top"): "C1", ("freeze", "bottom"): "C0", ("freeze", "random"): "C2",
    ("zero-freeze", "top"): "C3", ("zero-freeze", "bottom"): "C0", ("zero-freeze", "random"): "C2",
    ("zero-unfreeze", "top"): "C4", ("zero-unfreeze", "bottom"): "C6", ("zero-unfreeze", "random"): "C7",
}  # fmt: skip


def panels_of(rows: pd.DataFrame, trained: str, own: Mapping | None) -> dict[str, list[str]]:
    """Title -> languages: one each where they are few, else the trained one and all others together."""
    tested = languages.order_by_family(rows["language"].unique(), own)
    if len(tested) <= MOST_PANELS:
        return {fonts.full_name(label, own): [label] for label in tested}
    others = [label for label in tested if label != trained]
    return {f"{fonts.full_name(trained, own)} (trained)": [trained], f"{len(others)} other languages": others}


def draw(rows: pd.DataFrame, axes: Axes) -> Axes:
    """Geometric mean of ratio_to_base over languages and seeds, at each stage; the range over seeds as bars."""
    stages = ["before", *sorted(rows["training_samples"].dropna().astype(int).unique())]
    arms = list(rows.groupby(["mode", "side", "master"], sort=False))
    for number, ((mode, side, master), arm) in enumerate(arms):
        stage = [stages.index(int(value)) if pd.notna(value) else 0 for value in arm["training_samples"]]
        logs = (
            arm.assign(stage=stage, log=np.log(arm["ratio_to_base"])).groupby(["stage", "seed"])["log"].mean().unstack()
        )
        middle = np.exp(logs.mean(axis=1))
        spread = np.vstack([middle - np.exp(logs.min(axis=1)), np.exp(logs.max(axis=1)) - middle])
        name = f"{mode}" + (f" {side}" if side != "none" else "") + (f", {master}" if master != "corrected" else "")
        style = {"color": COLOURS.get((mode, side), "C8"), "linestyle": MASTER_LINES[master], "capsize": 2}
        shift = DODGE * (number - (len(arms) - 1) / 2)  # curves that coincide are both seen
        axes.errorbar(
            middle.index + shift, middle, spread, marker="o", markersize=3.5, linewidth=1.3, label=name, **style
        )
    axes.axhline(1, color="#222222", linewidth=0.8)
    axes.set_xticks(range(len(stages)), [stage if stage == "before" else f"{stage:,}" for stage in stages])
    axes.set(yscale="log", xlabel="training samples")
    axes.grid(axis="y")
    return axes


def figure(pretraining: pd.DataFrame, model: str, part: str, own: Mapping | None = None) -> Figure:
    """All panels of the experiment ``part`` on one scale."""
    rows = canvas.select(pretraining, model=model, experiment=part)
    trained = rows["train_language"].iloc[0]
    panels = panels_of(rows, trained, own)
    arms = len(rows[["mode", "side", "master"]].drop_duplicates())
    drawing = canvas.new_figure(1.2 + 3.0 * len(panels), 3.3 + 0.2 * (arms // 3))
    grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, labels) in zip(grid, panels.items(), strict=True):
        draw(rows[rows["language"].isin(labels)], axes)
        axes.set_title(title)
        fonts.style_labels([axes.title], labels[:1])
    for axes in grid:
        heatmap.ratio_ticks(axes.yaxis)
    grid[0].set_ylabel("perplexity ÷ before")
    handles, names = grid[0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=min(3, len(names)))
    canvas.headline(drawing, f"{model}, {part}: further training on {fonts.full_name(trained, own)}")
    return drawing


FIGURE = canvas.Picture(figure, {"pretraining": canvas.read_table})
