"""Share of inhibited neurons by layer, in every condition of a translation experiment, by which tokens are counted."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas.present.figures import canvas, conditions
from langatlas.translation_rows import CLASSES

PANELS = {
    "published": "last position of each pass",
    "last_prompt": "last token of the prompt",
    "generated": "new tokens",
    "all": "all tokens",
}


def draw(table: pd.DataFrame, axes: Axes, looks: dict[str, dict]) -> Axes:
    """One class of tokens: a line a condition, with its interval. ``table``: condition, layer, inhibited_share and its ends."""
    for name, part in table.groupby("condition", sort=False):
        part = part.sort_values("layer")
        ends = (part["inhibited_share_low"], part["inhibited_share_high"])
        axes.fill_between(part["layer"], *ends, color=looks[name]["color"], alpha=0.12, linewidth=0)
        axes.plot(part["layer"], part["inhibited_share"], label=name, **looks[name])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y")
    return axes


def figure(inhibition: pd.DataFrame, model: str, experiment: str, language: str) -> Figure:
    """A panel a class of tokens, of the unchanged model. ``language``: the source. ValueError when the table has no such rows."""
    rows = canvas.select(inhibition, model=model, experiment=experiment, source_language=language, side="base")
    shown = [name for name in CLASSES if (rows["positions"] == name).any()]
    looks = conditions.styles(list(dict.fromkeys(rows["condition"])))
    drawing = canvas.new_figure(1.0 + 2.1 * len(shown), 3.2)
    panels = drawing.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, shown, strict=True):
        draw(rows[rows["positions"] == name], axes, looks).set_title(PANELS[name], weight="normal", size=8)
    drawing.supxlabel("layer", size=8)
    panels[0].set_ylabel("neurons at or below 0")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    canvas.headline(drawing, f"Inhibited neurons while {model} translates · {experiment}")
    return drawing


FIGURE = canvas.Picture(figure, {"inhibition": canvas.read_table})
