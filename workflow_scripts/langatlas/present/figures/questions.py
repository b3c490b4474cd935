"""Which letters a model answers, and how often it is right, before and after each intervention.

Zhang et al. (2024): a damaged model says A.
"""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas import languages
from langatlas.present import fonts, layout
from langatlas.present.figures import canvas
from langatlas.present.tables.questions import ALL

LETTERS = {"a": "C0", "b": "C5", "c": "C4", "d": "C6", "other": "C2"}
WIDEST = 6  # panels beside each other; more interventions stand below
SHARES = {"xlim": (0, 1), "xticks": [0, 0.5, 1], "xticklabels": ["0", "½", "1"]}


def draw_letters(table: pd.DataFrame, axes: Axes, order: list[str]) -> Axes:
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
    axes.set(ylim=(len(order) - 0.5, -0.5), xlabel="share of the answers", **SHARES)
    axes.tick_params(axis="y", length=0)
    return axes


def draw_accuracy(table: pd.DataFrame, axes: Axes, order: list[str]) -> Axes:
    """One intervention: a dot a series at its accuracy, with its interval; a ring at that of priors; grey: one in four.

    ``table``: columns series, answers, accuracy, accuracy_low, accuracy_high. ``order``: series from the top.
    """
    control = (table["answers"] == "priors") & (table["answers"] != "priors").any()
    rows = table[~control].set_index("series").reindex(order)
    places = np.arange(len(order))
    axes.axvline(0.25, color="#bbbbbb", linewidth=2)
    priors = table[control].set_index("series")["accuracy"].reindex(order)
    axes.plot(priors, places, "o", color="C1", fillstyle="none", markersize=7, label="of another subject")
    axes.hlines(places, rows["accuracy_low"], rows["accuracy_high"], color="C0", linewidth=1.2)
    axes.plot(rows["accuracy"], places, "o", color="C0", markersize=4, label="accuracy")
    for place, accuracy in zip(places, rows["accuracy"], strict=True):
        axes.text(1.03, place, f"{100 * accuracy:.0f} %", va="center", fontsize="small")
    axes.set(ylim=(len(order) - 0.5, -0.5), xlabel="accuracy", **SHARES)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return axes


def figure(questions: pd.DataFrame, model: str, part: str, own: Mapping | None = None) -> Figure:
    """A panel an intervention, a bar a language or task; where choices were scored otherwise too, accuracies below.

    Priors are the control of sentences and stand in their panels. ``part``: the experiment.
    """
    rows = canvas.select(questions, model=model, experiment=part)
    rows = rows.assign(
        intervention=layout.interventions(rows), way=rows["answers"].fillna("letters"), series=_series(rows)
    )
    if (rows["way"] == "sentences").any():
        rows["way"] = rows["way"].replace("priors", "sentences")
    ways = sorted(rows["way"].unique(), key=("letters", "texts", "sentences", "priors").index)
    orders = [_order(rows[rows["way"] == way], own) for way in ways]
    panels = list(dict.fromkeys(rows["intervention"]))
    blocks = [panels[start : start + WIDEST] for start in range(0, len(panels), WIDEST)]
    heights = [0.7 + 0.24 * len(order) for order in orders] * len(blocks)
    drawing = canvas.new_figure(1.6 + 1.7 * len(blocks[0]), 0.9 + sum(heights) + 0.4 * (len(blocks) - 1))
    grid = drawing.subplots(len(heights), len(blocks[0]), sharey="row", squeeze=False, height_ratios=heights)
    lines = [(block, way, order) for block in blocks for way, order in zip(ways, orders, strict=True)]
    for number, (line, (shown, way, order)) in enumerate(zip(grid, lines, strict=True)):
        answers = rows[rows["way"] == way]
        _draw_line(answers, line, shown, order, titled=number % len(ways) == 0)
        line[0].set_yticks(range(len(order)), [_name(key, rows, own) for key in order])
        line[0].set_ylabel(f"answered by\n{way}")
        fonts.style_labels(line[0].get_yticklabels(), [key.split("/")[1] for key in order])
    named = {
        name: handle
        for axes in grid[: len(ways), 0]
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if not (rows["answers"] == "priors").any():
        named.pop("of another subject", None)
    drawing.legend(named.values(), named, loc="outside lower center", ncols=len(named))
    canvas.headline(drawing, f"What {model} answers before and after each intervention")
    return drawing


def _draw_line(answers: pd.DataFrame, line: np.ndarray, shown: list[str], order: list[str], titled: bool) -> None:
    """Panels beside each other, one an intervention of ``shown``; places that are left over are empty."""
    for axes in line[len(shown) :]:
        axes.remove()
    draw = draw_letters if (answers["way"] == "letters").all() else draw_accuracy
    for axes, intervention in zip(line, shown, strict=False):
        draw(answers[answers["intervention"] == intervention], axes, order)
        if titled:
            axes.set_title(_title(intervention), fontsize="small")


def _title(intervention: str) -> str:
    """Broken into lines that a panel is wide enough for."""
    named, _, changed = intervention.partition(": ")
    lines = [*named.split(", ", 1), *(textwrap.wrap(changed, 22) if changed else [])]
    return "\n".join(lines)


def _series(rows: pd.DataFrame) -> list[str]:
    """What a bar is of: task and language."""
    return ["/".join(part) for part in zip(rows["task"], rows["language"].fillna(""), strict=True)]


def _order(rows: pd.DataFrame, own: Mapping | None) -> list[str]:
    """Series from the top, task by task: languages by family, then all of them."""
    known = [label for label in rows["language"].dropna().unique() if label != ALL]
    rank = {label: place for place, label in enumerate([*languages.order_by_family(known, own), ALL, ""])}
    tasks = list(dict.fromkeys(rows["task"]))
    return sorted(rows["series"].unique(), key=lambda key: (tasks.index(key.split("/")[0]), rank[key.split("/")[1]]))


def _name(key: str, rows: pd.DataFrame, own: Mapping | None) -> str:
    """Name of a series; the task stands in it where there are several."""
    task, label = key.split("/")
    if not label:
        return task
    name = "all languages" if label == ALL else fonts.full_name(label, own)
    return f"{task}: {name}" if rows["task"].nunique() > 1 else name


FIGURE = canvas.Picture(figure, {"questions": canvas.read_table})
