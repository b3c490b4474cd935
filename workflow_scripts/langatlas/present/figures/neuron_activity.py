"""How often each neuron is active while a model translates: a heat map layers × neurons for every condition."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from langatlas.present.figures import canvas
from langatlas.present.figures.conditions import Counted, read_counts

COLUMNS, PIXELS = 3, 600  # panels side by side, and neurons (or blocks of them) that a panel can show


def draw(share_LF: np.ndarray, axes: Axes) -> AxesImage:
    """One condition: layers from the bottom, neurons from the left; blocks of neighbours where there are too many."""
    layers, neurons = share_LF.shape
    image = axes.imshow(
        pooled(share_LF, PIXELS),
        cmap="hot",
        origin="lower",
        aspect="auto",
        vmin=0,
        vmax=1,
        extent=(0, neurons, -0.5, layers - 0.5),
    )
    axes.xaxis.set_major_locator(canvas.few_ticks())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return image


def pooled(values_LF: np.ndarray, columns: int) -> np.ndarray:
    """Means over blocks of neighbouring neurons, at most ``columns`` of them; the values themselves where they are fewer."""
    width = values_LF.shape[1]
    if width <= columns:
        return values_LF
    starts = np.linspace(0, width, columns, endpoint=False).astype(int)
    return np.add.reduceat(values_LF, starts, axis=1) / np.diff([*starts, width])


def figure(activations: Counted, model: str, experiment: str, conditions: Sequence[str]) -> Figure:
    """A panel a condition. ``conditions``: those that are drawn, in this order."""
    columns = min(COLUMNS, len(conditions))
    lines = ceil(len(conditions) / columns)
    drawing = canvas.new_figure(1.4 + 2.3 * columns, 1.0 + 1.5 * lines)
    grid = drawing.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, conditions, strict=False):
        counts, passes = activations[name]
        image = draw(counts / passes, axes)
        axes.set_title(name, weight="normal", size=8)
    for axes in grid.flat[len(conditions) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(0, len(conditions) - columns) : len(conditions)]:
        axes.tick_params(labelbottom=True)
    bar = drawing.colorbar(image, ax=grid, shrink=0.7, label="active in so many passes")
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    drawing.supxlabel("neuron", size=8)
    drawing.supylabel("layer", size=8)
    canvas.headline(drawing, f"Activity of neurons while {model} translates · {experiment}")
    return drawing


FIGURE = canvas.Picture(figure, {"activations": read_counts})
