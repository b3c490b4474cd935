"""Which letters a model answers, before and after each region is removed (Zhang et al. 2024: a damaged model says A)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present import fonts
from langatlas.present.figures import canvas
from langatlas.present.question_table import ALL, removed

LETTERS = {"a": "C0", "b": "C5", "c": "C4", "d": "C6", "other": "C2"}


def draw(table: pd.DataFrame, axes: Axes, order: list[str]) -> Axes:
    """One intervention: a bar a series, split by the letters answered; the accuracy in percent behind it.

    ``table``: columns series, share_a ... share_other, accuracy. ``order``: series from the top.
    """
    rows = table.set_index("series").reindex(order)
    places, left = np.arange(len(order)), np.zeros(len(order))
    for letter, colour in LETTERS.items():
        shares = rows[f"share_{letter}"].to_numpy()
        if letter != "other" or (table["share_other"] > 1e-9).any():
            axes.barh(places, shares, left=left, height=0.8, color=colour, label=letter.upper()[:5])
        left = left + shares
    for place, accuracy in zip(places, rows["accuracy"], strict=True):
        axes.text(1.03, place, f"{100 * accuracy:.0f} %", va="center", fontsize="small")
    axes.set(xlim=(0, 1), ylim=(len(order) - 0.5, -0.5), xticks=[0, 0.5, 1], xticklabels=["0", "½", "1"])
    axes.tick_params(axis="y", length=0)
    return axes


def figure(table: pd.DataFrame, model: str, experiment: str, own: Mapping | None = None) -> Figure:
    """A panel an intervention, a row a language or task. ``table``: the table `questions`; answers by letters only,
    or whatever there is where nothing was answered by letters."""
    rows = canvas.select(table, model=model, experiment=experiment)
    lettered = rows[rows["answers"].isna() | (rows["answers"] == "letters")]
    rows = (lettered if len(lettered) else rows).reset_index(drop=True)
    rows = rows.assign(series=_series(rows), removed=removed(rows))
    names, order = _names(rows, own)
    panels = list(dict.fromkeys(rows["removed"]))
    drawing = canvas.new_figure(1.6 + 1.7 * len(panels), 1.3 + 0.24 * len(order))
    grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, intervention in zip(grid, panels, strict=True):
        draw(rows[rows["removed"] == intervention], axes, order)
        axes.set_title(intervention.replace(", ", "\n", 1), fontsize="small")
    grid[0].set_yticks(range(len(order)), names)
    fonts.style_labels(grid[0].get_yticklabels(), [label.split("/")[-1] for label in order])
    drawing.supxlabel("share of the answers; behind each bar the accuracy", fontsize="medium")
    handles, letters = grid[0].get_legend_handles_labels()
    drawing.legend(handles, letters, loc="outside lower center", ncols=len(letters))
    canvas.headline(drawing, f"Letters that {model} answers when regions are removed")
    return drawing


def _series(rows: pd.DataFrame) -> list[str]:
    """What a bar is of: task, way of answering, language."""
    parts = zip(rows["task"], rows["answers"].fillna(""), rows["language"].fillna(""), strict=True)
    return ["/".join(part) for part in parts]


def _names(rows: pd.DataFrame, own: Mapping | None) -> tuple[list[str], list[str]]:
    """Names and keys of the bars: languages by family, then all of them, then tasks without a language."""
    keys = rows.drop_duplicates("series").set_index("series")
    known = [label for label in keys["language"].dropna().unique() if label != ALL]
    rank = {label: place for place, label in enumerate([*languages.order_by_family(known, own), ALL])}
    several = keys[["task", "answers"]].drop_duplicates()
    order = sorted(keys.index, key=lambda key: (key.split("/")[:2], rank.get(keys.loc[key, "language"], len(rank))))
    names = []
    for key in order:
        task, _, label = key.split("/")
        name = task if not label else "all languages" if label == ALL else fonts.full_name(label, own)
        names.append(f"{task}: {name}" if label and len(several) > 1 else name)
    return names, order
